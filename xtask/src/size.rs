//! `cargo xtask size`: what a `FixedMap` takes of a microcontroller's RAM and flash, and whether that is within budget.
//!
//! Two firmwares are compared that differ in the map and its calls only; size/ has them, and the same with other
//! maps, for `cargo xtask bench-mcu`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use object::elf::{SHF_ALLOC, SHF_WRITE};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};

use crate::cmd::{Cmd, root};
use crate::setup;

/// Without compare-and-swap, and with it.
const TARGETS: [&str; 2] = ["thumbv6m-none-eabi", "thumbv7m-none-eabi"];

/// The most that the map may add, static data and code.
const BUDGET: Footprint = Footprint { ram: 2_100, flash: 4_608 };

/// Part of the map's symbol: `fixed::MAP`, as each of rustc's ways of mangling spells it.
const MAP: &str = "5fixed3MAP";

/// Firmwares with a map of 64 words by words, and those without that they are compared with.
const OTHERS: [(&str, &str, &str); 8] = [
    ("SyncMap/SpinLock", "sync", "empty_heap"),
    ("SyncMap/CriticalSectionLock", "sync_critical", "empty_heap"),
    ("FixedMap/SpinLock", "fixed", "empty"),
    ("FixedMap/CriticalSectionLock", "fixed_critical", "empty"),
    ("critical_section/FnvIndexMap", "fnv_critical", "empty"),
    ("spin/HashMap", "hashbrown_spin", "empty_heap"),
    ("bare/FnvIndexMap", "fnv", "empty"),
    ("bare/HashMap", "hashbrown", "empty_heap"),
];

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Footprint {
    ram: u64,
    flash: u64,
}

struct Row {
    target: &'static str,
    empty: Footprint,
    fixed: Footprint,
    /// The map alone, as its symbol says.
    map: u64,
}

/// Builds the firmwares, prints what they take, and fails where that is over budget.
pub fn run() -> Result<()> {
    setup::targets(&TARGETS)?;
    let rows = TARGETS.into_iter().map(measure).collect::<Result<Vec<_>>>()?;
    println!("\nFixedMap<u32, u32, 64>: insert, get, remove and iteration, in bytes\n");
    print!("{}", table(&rows));
    println!("\nbudget: RAM at most {}, flash at most {}", BUDGET.ram, BUDGET.flash);
    let excesses: Vec<_> = rows.iter().flat_map(excesses).collect();
    if !excesses.is_empty() {
        bail!("over budget: {}", excesses.join("; "));
    }
    println!("size: ok: within budget");
    Ok(())
}

fn measure(target: &'static str) -> Result<Row> {
    Cmd::new("cargo build --release --target-dir target --target").args([target]).dir("size").run()?;
    let folder = root().join("size/target").join(target).join("release");
    let (empty, _) = read(&folder.join("empty"))?;
    let (fixed, map) = read(&folder.join("fixed"))?;
    let map = map.with_context(|| format!("no symbol of the firmware for {target} is the map's"))?;
    Ok(Row { target, empty, fixed, map })
}

/// The flash that each map adds, ours and others, in bytes. It is built in `folder`; `link` leads to the repository's
/// root.
pub fn flash(target: &str, folder: &Path, link: &Path) -> Result<Vec<(&'static str, u64)>> {
    let build = Cmd::new("cargo build --release --features others --target-dir").args([&*folder.to_string_lossy()]);
    let build = build.args(["--manifest-path", &*link.join("size/Cargo.toml").to_string_lossy()]);
    print!("{}", build.args(["--target", target]).dir("size").read_all()?);
    let flash = |name: &str| Ok::<_, anyhow::Error>(read(&folder.join(target).join("release").join(name))?.0.flash);
    OTHERS.iter().map(|&(map, with, without)| Ok((map, flash(with)?.saturating_sub(flash(without)?)))).collect()
}

/// What the firmware takes, and the map of it if it has one.
fn read(path: &Path) -> Result<(Footprint, Option<u64>)> {
    let parse = || -> Result<_> {
        let file = std::fs::read(path)?;
        let elf = ElfFile32::<object::Endianness>::parse(&*file)?;
        let footprint = elf.sections().map(|section| footprint(section.flags(), section.kind(), section.size())).fold(
            Footprint::default(),
            |sum, section| Footprint { ram: sum.ram + section.ram, flash: sum.flash + section.flash },
        );
        let Some(map) = elf.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.contains(MAP))) else {
            return Ok((footprint, None));
        };
        let index = map.section_index().context("the map is in no section")?;
        let section = elf.section_by_index(index)?;
        // An initial value would be in the flash, as large as the map.
        if section.kind() != SectionKind::UninitializedData {
            bail!("the map is in {} instead of .bss", section.name()?);
        }
        Ok((footprint, Some(map.size())))
    };
    parse().with_context(|| format!("cannot measure {}", path.display()))
}

/// Flash holds what is loaded, the initial values of RAM included; RAM what can be written to.
fn footprint(flags: SectionFlags, kind: SectionKind, size: u64) -> Footprint {
    let SectionFlags::Elf { sh_flags } = flags else { return Footprint::default() };
    let has = |flag: u32| sh_flags & u64::from(flag) != 0;
    if !has(SHF_ALLOC) {
        return Footprint::default();
    }
    Footprint {
        ram: if has(SHF_WRITE) { size } else { 0 },
        flash: if kind == SectionKind::UninitializedData { 0 } else { size },
    }
}

impl Row {
    /// What the map adds.
    fn difference(&self) -> Footprint {
        let added = |with: u64, without: u64| with.saturating_sub(without);
        Footprint { ram: added(self.fixed.ram, self.empty.ram), flash: added(self.fixed.flash, self.empty.flash) }
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:20} {:^23}   {:^23}   {:>6}\n", "", "flash", "RAM", "map");
    let columns = format!("{:>7} {:>7} {:>7}", "without", "with", "added");
    table += &format!("{:20} {columns}   {columns}   {:>6}\n", "target", "alone");
    for row in rows {
        let (empty, fixed, added) = (row.empty, row.fixed, row.difference());
        table += &format!(
            "{:20} {:7} {:7} {:7}   {:7} {:7} {:7}   {:6}\n",
            row.target, empty.flash, fixed.flash, added.flash, empty.ram, fixed.ram, added.ram, row.map,
        );
    }
    table
}

/// What is over budget, and by how much.
fn excesses(row: &Row) -> Vec<String> {
    let added = row.difference();
    [("RAM", added.ram, BUDGET.ram), ("flash", added.flash, BUDGET.flash)]
        .into_iter()
        .filter(|(_, bytes, most)| bytes > most)
        .map(|(what, bytes, most)| format!("{what} on {} by {} bytes", row.target, bytes - most))
        .collect()
}

#[cfg(test)]
mod tests {
    use object::elf::{SHF_EXECINSTR, SHF_STRINGS};

    use super::*;

    fn row(ram: u64, flash: u64) -> Row {
        let empty = Footprint { ram: 100, flash: 1_000 };
        let fixed = Footprint { ram: empty.ram + ram, flash: empty.flash + flash };
        Row { target: "thumbv7m-none-eabi", empty, fixed, map: ram }
    }

    #[test]
    fn sections_count_where_they_take_memory() {
        let of = |kind, flags: u32| {
            let Footprint { ram, flash } = footprint(SectionFlags::Elf { sh_flags: flags.into() }, kind, 8);
            (ram, flash)
        };
        assert_eq!(of(SectionKind::Text, SHF_ALLOC | SHF_EXECINSTR), (0, 8));
        assert_eq!(of(SectionKind::ReadOnlyData, SHF_ALLOC), (0, 8));
        assert_eq!(of(SectionKind::Data, SHF_ALLOC | SHF_WRITE), (8, 8), ".data has its initial values in flash");
        assert_eq!(of(SectionKind::UninitializedData, SHF_ALLOC | SHF_WRITE), (8, 0));
        assert_eq!(of(SectionKind::OtherString, SHF_STRINGS), (0, 0), "debug information isn't loaded");
    }

    #[test]
    fn an_excess_is_what_is_beyond_the_budget() {
        assert!(excesses(&row(BUDGET.ram, BUDGET.flash)).is_empty());
        let said = excesses(&row(BUDGET.ram + 1, BUDGET.flash + 20));
        assert_eq!(said, ["RAM on thumbv7m-none-eabi by 1 bytes", "flash on thumbv7m-none-eabi by 20 bytes"]);
        assert_eq!(excesses(&row(0, BUDGET.flash + 1)).len(), 1);
    }

    #[test]
    fn the_table_fits_a_terminal() {
        let table = table(&[row(2_320, 6_000)]);
        assert!(table.lines().all(|line| line.len() <= 80), "{table}");
        assert!(table.contains("2420    2320     2320"), "{table}");
    }
}
