//! `cargo xtask test-target`: the tests of on-target, on every board.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result, anyhow, bail};
use comfy_table::{Table, presets};

use crate::boards::{BOARDS, Board, Clock, Size};
use crate::chosen;
use crate::cmd::Cmd;
use crate::image::{self, Report};
use crate::matrix::SINGLE_CORE;
use crate::setup;

/// A file of on-target/tests.
pub struct Suite {
    pub name: &'static str,
    /// For the table.
    title: &'static str,
    pub clock: Clock,
    /// Takes all of the board's cores, and has nothing to do where there is one.
    pub cores: bool,
    /// Has nothing to do on RISC-V.
    cortex_m: bool,
    size: Size,
    /// Not in a normal run: the same with another lock, which a host has, too.
    pub repeats: bool,
}

const SMALL: Suite = Suite {
    name: "",
    title: "",
    clock: Clock::Instructions { finer: 0 },
    cores: false,
    cortex_m: false,
    size: Size::Small,
    repeats: false,
};
const LARGE: Suite = Suite { clock: Clock::Real, size: Size::Large, ..SMALL };

pub const SUITES: &[Suite] = &[
    Suite { name: "sync_map_spin_lock", title: "SyncMap\nspin", repeats: true, ..LARGE },
    Suite { name: "sync_map_critical_section_lock", title: "SyncMap\nsection", ..LARGE },
    Suite { name: "fixed_map_spin_lock", title: "FixedMap\nspin", repeats: true, ..LARGE },
    Suite { name: "fixed_map_critical_section_lock", title: "FixedMap\nsection", ..LARGE },
    // For steps of nearly as many ticks as make an instruction.
    Suite { name: "interrupts", title: "inter-\nrupts", clock: Clock::Instructions { finer: 2 }, ..SMALL },
    Suite { name: "nested", title: "nested", ..SMALL },
    Suite { name: "threads", title: "threads", cortex_m: true, ..SMALL },
    Suite {
        name: "interleaved_cores",
        title: "cores in\nturns",
        clock: Clock::Instructions { finer: 2 },
        cores: true,
        ..SMALL
    },
    Suite { name: "cores", title: "cores in\nparallel", clock: Clock::Real, cores: true, ..SMALL },
];

impl Suite {
    fn runs_on(&self, board: &Board) -> bool {
        [self.size, Size::Any].contains(&board.suites)
            && (!self.cores || board.cores > 1)
            && (!self.cortex_m || board.triple.starts_with("thumb"))
    }

    /// Takes the host's cores, all of them.
    fn parallel(&self) -> bool {
        self.cores && self.clock == Clock::Real
    }
}

pub fn names() -> Vec<&'static str> {
    SUITES.iter().map(|suite| suite.name).collect()
}

/// An image to run.
struct Job {
    board: &'static Board,
    suite: &'static Suite,
    image: String,
}

struct Done {
    job: Job,
    report: Result<Report>,
}

/// Builds and runs the suites of these names, or all, on these boards.
pub fn run(boards: &[&'static Board], suites: &[String], long: bool, words: &[String]) -> Result<()> {
    let arguments: Vec<_> = long.then(|| "--thorough".to_owned()).into_iter().chain(words.iter().cloned()).collect();
    let suites: Vec<_> = SUITES.iter().filter(|suite| chosen(suites, suite.name)).collect();
    let triples: Vec<_> = boards.iter().map(|board| board.triple).collect();
    setup::targets(&triples)?;
    boards.iter().try_for_each(|board| setup::qemu(board.program()))?;

    let start = Instant::now();
    let done = run_all(boards, &suites, &arguments)?;
    let failed: usize = done.iter().map(|done| done.report.as_ref().map_or(1, |report| report.failed.len())).sum();
    println!("\n{}", table(boards, &suites, &done));
    println!("{:.0} s in all, builds included", start.elapsed().as_secs_f64());
    if failed > 0 {
        for Done { job, report } in &done {
            let names = report.as_ref().map_or_else(|error| vec![format!("{error:#}")], |report| report.failed.clone());
            names.iter().for_each(|name| println!("FAILED: {} {}: {name}", label(job.board), job.suite.name));
        }
        bail!("{failed} tests failed");
    }
    if done.iter().all(|done| done.report.as_ref().is_ok_and(|report| report.passed == 0)) {
        bail!("no test was run");
    }
    Ok(())
}

/// Builds for one board after the other, and meanwhile runs what is built.
fn run_all(boards: &[&'static Board], suites: &[&'static Suite], arguments: &[String]) -> Result<Vec<Done>> {
    let (sender, jobs) = channel();
    let jobs = Mutex::new(jobs);
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get());
    let (mut done, parallel) = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&jobs, arguments))).collect();
        let mut parallel = Vec::new();
        let built = boards.iter().try_for_each(|board| {
            for job in build(board, suites)? {
                if job.suite.parallel() {
                    parallel.push(job);
                } else {
                    sender.send(job).context("nobody runs it")?;
                }
            }
            Ok::<_, anyhow::Error>(())
        });
        drop(sender);
        let done = workers.into_iter().flat_map(|worker| worker.join().expect("a worker panics")).collect::<Vec<_>>();
        built.map(|()| (done, parallel))
    })?;
    done.extend(parallel.into_iter().map(|job| perform(job, arguments)));
    Ok(done)
}

fn work(jobs: &Mutex<Receiver<Job>>, arguments: &[String]) -> Vec<Done> {
    let next = || jobs.lock().expect("a worker panicked").recv().ok();
    std::iter::from_fn(next).map(|job| perform(job, arguments)).collect()
}

fn perform(job: Job, arguments: &[String]) -> Done {
    let mut report = image::run(job.board, job.suite, &job.image, arguments);
    let all = arguments.iter().all(|argument| argument.starts_with("--"));
    if all && report.as_ref().is_ok_and(|report| report.passed + report.failed.len() == 0) {
        report = Err(anyhow!("the image has no tests"));
    }
    match &report {
        Ok(report) => println!(
            "\n{}, {}: {} passed, {} failed, in {:.1} s\n{}",
            label(job.board),
            job.suite.name,
            report.passed,
            report.failed.len(),
            report.time.as_secs_f64(),
            report.output.trim_end()
        ),
        Err(error) => println!("\n{}, {}: {error:#}", label(job.board), job.suite.name),
    }
    Done { job, report }
}

fn build(board: &'static Board, suites: &[&'static Suite]) -> Result<Vec<Job>> {
    let suites: Vec<_> = suites.iter().filter(|suite| suite.runs_on(board)).collect();
    if suites.is_empty() {
        return Ok(Vec::new());
    }
    let mut cargo = cargo("test --release --no-run --message-format json-render-diagnostics", board);
    for suite in &suites {
        cargo = cargo.args(["--test", suite.name]);
    }
    cargo.show("");
    let images = images(&cargo.read()?)?;
    let job = |suite: &&'static Suite| {
        let image = images.get(suite.name).with_context(|| format!("cargo built no {}", suite.name))?;
        Ok(Job { board, suite, image: image.clone() })
    };
    suites.into_iter().map(job).collect()
}

/// A command of cargo's on the tests for a board.
fn cargo(command: &str, board: &Board) -> Cmd {
    // The board is for on-target/build.rs.
    let cargo =
        Cmd::new(&format!("cargo {command} --workspace --target")).args([board.triple]).env("BOARD", board.name);
    let cargo = if board.polyfill.is_empty() { cargo } else { cargo.args(["--features", board.polyfill]) };
    cargo.dir("on-target")
}

/// clippy on all of on-target, for the boards where it differs most: by the kind of core, and the number of cores.
pub fn clippy() -> Result<()> {
    let differs =
        |board: &&Board| ["microbit", "mps2-an521", "virt"].contains(&board.name) && board.polyfill != SINGLE_CORE;
    for board in BOARDS.iter().filter(differs) {
        setup::targets(&[board.triple])?;
        cargo("clippy --tests", board).args(["--", "-D", "warnings"]).run()?;
    }
    Ok(())
}

/// The executables that cargo reports, by the names of their targets.
pub fn images(messages: &str) -> Result<BTreeMap<String, String>> {
    let mut images = BTreeMap::new();
    for line in messages.lines() {
        let message: serde_json::Value =
            serde_json::from_str(line).context("cargo printed something else than JSON")?;
        if let (Some(name), Some(executable)) = (message["target"]["name"].as_str(), message["executable"].as_str()) {
            images.insert(name.to_owned(), executable.to_owned());
        }
    }
    Ok(images)
}

/// Boards by suites: how many tests passed.
fn table(boards: &[&'static Board], suites: &[&'static Suite], done: &[Done]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let titles = suites.iter().map(|suite| suite.title);
    table.set_header(["core", "board"].into_iter().chain(titles).chain(["seconds"]));
    for &board in boards {
        let mut time = Duration::ZERO;
        let mut row = vec![board.core.to_owned(), label(board).replace(", ", "\n")];
        for &suite in suites {
            let here = |done: &&Done| std::ptr::eq(done.job.board, board) && done.job.suite.name == suite.name;
            row.push(match done.iter().find(here).map(|done| &done.report) {
                Some(Ok(report)) => {
                    time += report.time;
                    match (report.passed, report.failed.len()) {
                        (passed, 0) => format!("{passed} ok"),
                        (passed, failed) => format!("{passed} ok\n{failed} FAILED"),
                    }
                }
                Some(Err(_)) => "FAILED".to_owned(),
                None => "-".to_owned(),
            });
        }
        row.push(format!("{:.0}", time.as_secs_f64()));
        table.add_row(row);
    }
    table
}

/// The board's name, with what stands in for compare-and-swap on it.
fn label(board: &Board) -> String {
    match board.polyfill.strip_prefix("portable-atomic-") {
        Some(polyfill) => format!("{}, {polyfill}", board.name),
        None => board.name.to_owned(),
    }
}

/// For cargo, whose `runner` this is: runs one image, on the board for its target.
pub fn run_one(image: &Path, arguments: &[String]) -> Result<()> {
    let path = image.to_str().context("the image's path is not UTF-8")?;
    let wanted = env::var("BOARD").ok();
    let fits = |board: &&Board| {
        // (Without a BOARD, on-target/build.rs builds for a large one.)
        let by_name = wanted.as_ref().map_or(board.suites != Size::Small, |wanted| wanted == board.name);
        by_name && image.iter().any(|folder| folder == board.triple)
    };
    let board = BOARDS.iter().find(fits).with_context(|| format!("no board for {path}"))?;
    let file = image.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let suite = SUITES.iter().find(|suite| file.rsplit_once('-').is_some_and(|(name, _)| name == suite.name));
    let suite = suite.with_context(|| format!("{file} is no suite of on-target"))?;
    let report = image::run(board, suite, path, arguments)?;
    print!("{}", report.output);
    let (passed, failed) = (report.passed, report.failed.len());
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; finished in {:.2}s",
        report.time.as_secs_f64()
    );
    if failed > 0 {
        bail!("{failed} tests failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_in_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"on_target"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"cores"},"executable":"/t/cores-1"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n"
        );
        let images = images(messages).unwrap();
        assert_eq!(images.into_iter().collect::<Vec<_>>(), [("cores".to_owned(), "/t/cores-1".to_owned())]);
        assert!(super::images("error").is_err());
    }
}
