//! `cargo xtask demo --compare`: for how long interrupts are masked by the demo's firmware, and by the same one with
//! plain maps in critical sections.
//!
//! The firmware plays the shipped log by a timer of its board's (thumbv7-demo/src/board/replay.rs), so that a run is
//! the same each time; the plugin of benches/mcu counts.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use super::masked::{self, ELSEWHERE, OPERATIONS};
use super::{COLUMNS, LOG, check_cache};
use crate::bench_mcu::{self, Figures, Record, Rows};
use crate::boards::{Clock, LM3S6965EVB};
use crate::canlog::CanLog;
use crate::cmd::{Cmd, root};
use crate::report::number;
use crate::{report, setup};

/// Where the figures are committed.
const FILE: &str = "benches/demo.json";

/// What the maps are, and the firmware's feature for it.
pub const MAPS: [(&str, &str); 3] = [("twinmap", "replay"), ("section", "mutex"), ("copy", "snapshot")];

/// Of the board's clock, and of instructions: `-icount`.
const NANOSECONDS_A_TICK: u64 = 80;
const NANOSECONDS_AN_INSTRUCTION: u64 = 128;

/// Measures, and prints a table. Then writes figures and chart; or an error unless the figures are those that are
/// committed. (Another compiler may make other ones.)
pub fn run(update: bool) -> Result<()> {
    let measured = measure()?;
    print!("{}", table(&measured.rows)?);
    if update {
        fs::write(root().join(FILE), measured.text()).with_context(|| format!("cannot write {FILE}"))?;
        println!("\nwritten to {FILE}");
        return report::write_demo(&measured);
    }
    let committed = read()?;
    if measured.rustc != committed.rustc {
        println!("\n{FILE} is of rustc {}, and this is {}: not compared", committed.rustc, measured.rustc);
    } else if measured.rows != committed.rows {
        bail!("the figures are not those of {FILE}: run `cargo xtask demo --compare --update`, and commit");
    }
    Ok(())
}

/// What is committed.
pub fn read() -> Result<Record> {
    let text = fs::read_to_string(root().join(FILE)).map_err(anyhow::Error::from);
    let record = text.and_then(|text| Record::parse(&text));
    record.with_context(|| format!("cannot read {FILE}; `cargo xtask demo --compare --update` writes it"))
}

fn measure() -> Result<Record> {
    setup::gcc()?;
    setup::targets(&[LM3S6965EVB.triple])?;
    setup::qemu(LM3S6965EVB.program())?;
    let (plugin, link) = (bench_mcu::plugin()?, bench_mcu::link()?);
    let log = fs::read(root().join(LOG)).with_context(|| format!("cannot read {LOG}"))?;
    let host = CanLog::read(&log);
    let folder = root().join("thumbv7-demo/target/compare");
    let mut rows = Rows::new();
    for (map, feature) in MAPS {
        let build = Cmd::new("cargo build --release --target").args([LM3S6965EVB.triple, "--features", feature]);
        let build = build.args(["--target-dir", &bench_mcu::path(&folder)?]);
        let manifest = bench_mcu::path(&link.join("thumbv7-demo/Cargo.toml"))?;
        build.args(["--manifest-path", &manifest]).dir("thumbv7-demo").run()?;
        let image = bench_mcu::path(&folder.join(LM3S6965EVB.triple).join("release/thumbv7-demo"))?;
        let arguments = format!("bytes={} dump", log.len());
        let qemu = LM3S6965EVB.run(Clock::Instructions { finer: 0 }, false, &image, &arguments);
        qemu.show("");
        let (trace, printed) = bench_mcu::trace(qemu, &plugin, &folder.join("trace"))?;
        let of_map = figures(&trace, &printed, &host).with_context(|| format!("{map}; it printed:\n{printed}"))?;
        rows.extend(of_map.into_iter().map(|(row, figures)| (format!("{map} {row}"), figures)));
    }
    Ok(Record { rustc: bench_mcu::rustc()?, rows })
}

fn figures(trace: &[u8], printed: &str, host: &CanLog) -> Result<Rows> {
    let (before, rest) = printed.split_once("--- dump\n").context("no dump")?;
    let (dump, _) = rest.split_once("--- end of dump\n").context("no end of the dump")?;
    check_cache(host, &dump.lines().map(str::to_owned).collect::<Vec<_>>())?;
    let mut late = before.lines().filter_map(|line| line.strip_prefix("late SysTick")?.split_whitespace().next());
    let late = late.next().context("no word on how late SysTick was")?.parse()?;
    let mut rows = masked::rows(trace)?;
    rows.insert("SysTick".to_owned(), Figures::from([("ticks_late".to_owned(), late)]));
    Ok(rows)
}

/// A map's.
#[derive(Clone, Copy)]
pub struct OfMap<'a> {
    rows: &'a Rows,
    map: &'a str,
}

/// Those of `MAPS`.
pub fn maps(rows: &Rows) -> [OfMap<'_>; MAPS.len()] {
    MAPS.map(|(map, _)| OfMap { rows, map })
}

impl OfMap<'_> {
    fn figure(&self, row: &str, name: &str) -> u64 {
        self.rows.get(&format!("{} {row}", self.map)).and_then(|row| row.get(name)).copied().unwrap_or(0)
    }

    /// The longest run of instructions with interrupts masked.
    pub fn longest(&self, operation: &str) -> u64 {
        self.figure(operation, "longest")
    }

    /// The longest of all operations on maps.
    pub fn longest_of_all(&self) -> u64 {
        OPERATIONS.iter().map(|operation| self.longest(operation.2)).max().unwrap_or(0)
    }

    /// How many instructions of an operation run with interrupts masked, on average.
    pub fn mean(&self, operation: &str) -> f64 {
        self.figure(operation, "masked") as f64 / self.figure(operation, "operations") as f64
    }

    /// How late SysTick's handler began at most, in microseconds.
    pub fn late(&self) -> f64 {
        (self.figure("SysTick", "ticks_late") * NANOSECONDS_A_TICK) as f64 / 1000.0
    }

    /// The part of all instructions that ran with interrupts masked, in percent.
    fn share(&self) -> f64 {
        let names = OPERATIONS.iter().map(|operation| operation.2).chain([ELSEWHERE]);
        let masked: u64 = names.map(|name| self.figure(name, "masked")).sum();
        masked as f64 / self.figure("all", "instructions") as f64 * 100.0
    }

    /// How long the log took, in seconds: it waits for who receives it.
    fn seconds(&self) -> f64 {
        (self.figure("all", "instructions") * NANOSECONDS_AN_INSTRUCTION) as f64 / 1e9
    }
}

fn table(rows: &Rows) -> Result<String> {
    let maps = maps(rows);
    let line = |name: &str, cells: [String; 3]| format!("{name:42}{:>12}{:>12}{:>12}\n", cells[0], cells[1], cells[2]);
    let head = |title| {
        line("", ["", "plain map,", "plain map,"].map(str::to_owned))
            + &line(title, ["twinmap", "section", "copied out"].map(str::to_owned))
    };
    let mut text = format!("\n{}", head("instructions masked at a stretch, at most"));
    for operation in OPERATIONS.iter().map(|operation| operation.2).chain([ELSEWHERE]) {
        text += &line(&format!("  {operation}"), maps.map(|map| number(Some(map.longest(operation)))));
    }
    text += &format!("\n{}", head("instructions masked, a mean operation"));
    for (_, _, operation) in OPERATIONS {
        text += &line(&format!("  {operation}"), maps.map(|map| format!("{:.1}", map.mean(operation))));
    }
    text += &format!("\n{}", head("all of the log"));
    let mut row = |name, value: &dyn Fn(OfMap) -> f64| {
        text += &line(name, maps.map(|map| format!("{:.1}", value(map))));
    };
    row("  masked at a stretch, at most, us", &|map| {
        (map.longest_of_all() * NANOSECONDS_AN_INSTRUCTION) as f64 / 1000.0
    });
    row("  SysTick late, at most, us", &|map| map.late());
    row("  masked, % of the instructions", &|map| map.share());
    row("  seconds", &|map| map.seconds());
    ensure!(text.lines().all(|line| line.chars().count() <= COLUMNS), "the table is too wide:\n{text}");
    Ok(text)
}
