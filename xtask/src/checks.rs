//! The checks of `cargo xtask test`: named steps, each of which can be run alone.

use std::io::{Read, pipe};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::cmd::{Cmd, root};
use crate::demo::Board;
use crate::matrix::{ALL_FEATURES, DEMO, FEATURE_SETS, TESTED, builds, joined, triples};
use crate::{bench_mcu, demo, examples, faults, fuzz, mutants, no_panic, package, readme, setup, size, target};

struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(Effort) -> Result<Outcome>,
}

#[derive(Clone, Copy)]
struct Effort {
    long: bool,
}

enum Outcome {
    Passed,
    /// With the reason.
    Skipped(String),
}

const STEPS: &[Step] = &[
    Step { name: "fmt", about: "rustfmt, every package", run: fmt },
    Step { name: "clippy", about: "no warning: every feature set on the host and on every target", run: clippy },
    Step { name: "host", about: "the concurrent tests, optimised; the tasks' tests (all others: package)", run: host },
    Step {
        name: "readme",
        about: "its program of five minutes, run under QEMU; the messages that it quotes, each brought about",
        run: readme_step,
    },
    Step { name: "docs", about: "rustdoc without a warning, also as docs.rs builds it", run: docs },
    Step {
        name: "package",
        about: "the package alone passes its tests; the least versions of what it depends on will do",
        run: package_step,
    },
    Step { name: "deny", about: "licences, versions and sources of all that is depended on; advisories", run: deny },
    Step { name: "consumer", about: "a no_std crate that depends on twinmap, on every target", run: consumer },
    Step { name: "loom", about: "the models, in every interleaving up to a number of preemptions", run: loom },
    Step { name: "shuttle", about: "larger scenarios and histories of them, in schedules at random", run: shuttle },
    Step {
        name: "miri",
        about: "undefined behaviour: one map by stacked borrows, the other one by tree borrows",
        run: miri,
    },
    Step {
        name: "fuzz",
        about: "operations that libFuzzer makes up, against a model; with faults, too",
        run: fuzz_step,
    },
    Step {
        name: "sanitizers",
        about: "ThreadSanitizer on threads that run for real; with --long AddressSanitizer on all tests",
        run: sanitizers,
    },
    Step { name: "faults", about: "faults that are planted are found: a few, or all", run: faults_step },
    Step { name: "demo", about: "the firmware on each board under QEMU, compared with the host", run: demo_step },
    Step {
        name: "examples",
        about: "those for a host; the firmware, in Rust and in C, under QEMU",
        run: examples_step,
    },
    Step {
        name: "target",
        about: "the suite, interrupts, threads and cores on every kind of core, under QEMU",
        run: target_step,
    },
    Step {
        name: "size",
        about: "what a FixedMap takes, within budget, without an allocator or hashbrown",
        run: size_step,
    },
    Step { name: "no-panic", about: "nothing that a firmware links of a map can panic", run: no_panic_step },
    Step {
        name: "bench-mcu",
        about: "no operation takes more instructions on a microcontroller than is committed, and no map more bytes",
        run: bench_mcu_step,
    },
    Step { name: "msrv", about: "the oldest compiler that is supported", run: msrv },
    Step { name: "mutants", about: "no change of src goes unnoticed, but those in docs/mutants.md", run: mutants_step },
];

pub fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

pub fn list() {
    for step in STEPS {
        println!("{:12} {}", step.name, step.about);
    }
}

/// The steps that take longest, which are begun first: the two that run at the same time then end at about the same time. Neighbours
/// have target folders of their own, and do not wait for each other's.
const FIRST: &[&str] =
    &["target", "loom", "package", "miri", "host", "examples", "clippy", "fuzz", "sanitizers", "faults"];
const AT_A_TIME: usize = 2;

struct Run {
    name: &'static str,
    result: Result<Outcome>,
    seconds: f64,
}

/// Runs the steps named in `only`, or all; goes on after one that failed.
pub fn run(long: bool, only: &[String]) -> ExitCode {
    let start = Instant::now();
    let chosen = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    let mut steps: Vec<_> = STEPS.iter().filter(chosen).collect();
    let runs = if let [step] = *steps {
        vec![run_here(step, long)]
    } else {
        steps.sort_by_key(|step| FIRST.iter().position(|name| *name == step.name).unwrap_or(FIRST.len()));
        run_all(&steps, long)
    };
    summary(&runs, start.elapsed().as_secs_f64(), long)
}

fn run_here(step: &Step, long: bool) -> Run {
    println!("\n=== {}: {}", step.name, step.about);
    let start = Instant::now();
    let result = (step.run)(Effort { long });
    let seconds = start.elapsed().as_secs_f64();
    match &result {
        Ok(Outcome::Passed) => println!("=== {}: passed in {seconds:.1} s", step.name),
        Ok(Outcome::Skipped(reason)) => println!("{}{reason}", skipped(step)),
        Err(error) => println!("=== {}: FAILED in {seconds:.1} s: {error:#}", step.name),
    }
    Run { name: step.name, result, seconds }
}

fn skipped(step: &Step) -> String {
    format!("=== {}: skipped: ", step.name)
}

/// Runs some at a time, each as a process of its own, whose output comes at its end.
fn run_all(steps: &[&Step], long: bool) -> Vec<Run> {
    let (next, runs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(step) = steps.get(next.fetch_add(1, Relaxed)) {
                    println!("... {}", step.name);
                    let start = Instant::now();
                    let result = run_apart(step, long);
                    let run = Run { name: step.name, result, seconds: start.elapsed().as_secs_f64() };
                    runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
                }
            });
        }
    });
    runs.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_apart(step: &Step, long: bool) -> Result<Outcome> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let task = Cmd::program(&this.to_string_lossy()).args(["test", "--only", step.name]);
    let task = if long { task.args(["--long"]) } else { task };
    let (mut output, pipe) = pipe().context("no pipe")?;
    let mut command = task.into_command();
    command.stdin(Stdio::null()).stdout(pipe.try_clone().context("no pipe")?).stderr(pipe);
    let mut child = command.spawn().context("cannot run it")?;
    drop(command); // And the pipe's ends in it.
    let mut printed = Vec::new();
    output.read_to_end(&mut printed).context("cannot read what it prints")?;
    let status = child.wait().context("cannot wait for it")?;
    let printed = String::from_utf8_lossy(&printed);
    let (shown, _summary) = printed.split_once(&heading()).unwrap_or((&printed, ""));
    print!("{shown}");
    let reason = shown.lines().find_map(|line| line.strip_prefix(&skipped(step)));
    match reason {
        _ if !status.success() => bail!("as it says above"),
        Some(reason) => Ok(Outcome::Skipped(reason.to_owned())),
        None => Ok(Outcome::Passed),
    }
}

fn heading() -> String {
    format!("\n{:12} {:8} {:>8}\n", "step", "result", "seconds")
}

fn summary(runs: &[Run], seconds: f64, long: bool) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    print!("{}", heading());
    for Run { name, result, seconds } in runs {
        let (shown, count, more) = match result {
            Ok(Outcome::Passed) => ("passed", &mut passed, String::new()),
            Ok(Outcome::Skipped(reason)) => ("skipped", &mut skipped, format!("  {reason}")),
            Err(_) => (
                "FAILED",
                &mut failed,
                format!("  cargo xtask test --only {name}{}", if long { " --long" } else { "" }),
            ),
        };
        *count += 1;
        println!("{name:12} {shown:8} {seconds:8.1}{more}");
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; \
         0 filtered out; finished in {seconds:.2}s"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fmt(_: Effort) -> Result<Outcome> {
    setup::components(&["rustfmt"])?;
    cargo("fmt --all --check").run()?;
    for dir in
        ["thumbv7-demo", "consumer", "size", "on-target", "benches/host", bench_mcu::FOLDER, no_panic::FOLDER, "fuzz"]
            .into_iter()
            .chain(examples::FIRMWARE.iter().map(|firmware| firmware.folder))
    {
        cargo("fmt --all --check").dir(dir).run()?;
    }
    Ok(Outcome::Passed)
}

fn clippy(effort: Effort) -> Result<Outcome> {
    setup::components(&["clippy"])?;
    setup::targets(&triples())?;
    let deny = ["--", "-D", "warnings"];
    for set in FEATURE_SETS {
        let all = if *set == ALL_FEATURES { "--all-targets" } else { "--lib" };
        with_features(cargo("clippy"), set).args([all]).args(deny).run()?;
    }
    for (triple, polyfill) in builds() {
        for set in FEATURE_SETS {
            let clippy = cargo("clippy --lib --target").args([triple]);
            with_features(clippy, &joined(set, polyfill)).args(deny).run()?;
        }
    }
    cargo("clippy --package xtask --all-targets").args(deny).run()?;
    for board in Board::value_variants() {
        cargo("clippy --target").args([board.target()]).args(deny).dir("thumbv7-demo").run()?;
    }
    for (_, feature) in demo::compare::MAPS {
        let clippy = cargo("clippy --target").args([DEMO, "--features", feature]);
        clippy.args(deny).dir("thumbv7-demo").run()?;
    }
    for dir in ["consumer", "size", bench_mcu::FOLDER, no_panic::FOLDER] {
        cargo("clippy --target").args([DEMO]).args(deny).dir(dir).run()?;
    }
    examples::setup_targets()?;
    for firmware in examples::FIRMWARE {
        firmware.cargo("clippy").args(deny).run()?;
    }
    cargo("clippy --features others --target").args([DEMO]).args(deny).dir("size").run()?;
    if effort.long {
        // All peers have to be built for it, and nothing that is linked elsewhere is in there.
        cargo("clippy --all-targets").args(deny).dir("benches/host").run()?;
    }
    cargo("clippy --all-targets").args(deny).dir("fuzz").run()?;
    target::clippy()?;
    Ok(Outcome::Passed)
}

fn host(effort: Effort) -> Result<Outcome> {
    cargo("test --package xtask").run()?;
    let concurrent = if effort.long { "--tests" } else { "--lib --test spin_lock --test fixed_spin_lock" };
    with_features(cargo(&format!("test --release {concurrent}")), TESTED).run()?;
    with_features(cargo("test --test stats"), &joined(TESTED, "stats")).run()?;
    with_features(cargo("test --lib"), "").run()?;
    with_features(cargo("check --tests"), "heapless").run()?;
    Ok(Outcome::Passed)
}

fn readme_step(_: Effort) -> Result<Outcome> {
    readme::run()?;
    Ok(Outcome::Passed)
}

fn docs(_: Effort) -> Result<Outcome> {
    let doc = |line: &str| with_features(Cmd::new(line), ALL_FEATURES).args(["--no-deps"]);
    doc("cargo doc").env("RUSTDOCFLAGS", "-D warnings").run()?;
    setup::targets(&[DEMO])?;
    doc(&format!("cargo doc --target {DEMO}")).env("RUSTDOCFLAGS", "-D warnings").run()?;
    setup::nightly()?;
    doc("cargo +nightly doc")
        .args(["--target-dir", "target/docsrs"])
        .env("RUSTDOCFLAGS", "-D warnings --cfg docsrs")
        .run()?;
    Ok(Outcome::Passed)
}

fn package_step(_: Effort) -> Result<Outcome> {
    package::run()?;
    Ok(Outcome::Passed)
}

fn deny(effort: Effort) -> Result<Outcome> {
    if !effort.long && !setup::has_subcommand("deny") {
        return Ok(Outcome::Skipped("cargo-deny is not there, and takes minutes to build: with --long".to_owned()));
    }
    setup::subcommand("deny")?;
    let deny = |line: &str| Cmd::new(&format!("cargo deny --workspace --all-features {line}"));
    deny("check licenses bans sources").run()?;
    if deny("fetch db").succeeds() {
        deny("check advisories").run()?;
    } else {
        println!("advisories: not looked at, for their database cannot be fetched");
    }
    Ok(Outcome::Passed)
}

fn consumer(_: Effort) -> Result<Outcome> {
    setup::targets(&triples())?;
    for (triple, polyfill) in builds() {
        features(cargo("build --target").args([triple]), polyfill).dir("consumer").run()?;
    }
    Ok(Outcome::Passed)
}

fn loom(effort: Effort) -> Result<Outcome> {
    let mut test = with_features(cargo("test --release --lib --test loom_* --target-dir target/loom"), TESTED)
        .env("RUSTFLAGS", "--cfg loom");
    if effort.long {
        // At least that many in every model, on top of what each needs.
        test = test.env("LOOM_MAX_PREEMPTIONS", "4");
    }
    test.run()?;
    Ok(Outcome::Passed)
}

fn shuttle(effort: Effort) -> Result<Outcome> {
    let mut test =
        with_features(cargo("test --release --test shuttle_* --target-dir target/shuttle"), "alloc,heapless")
            .env("RUSTFLAGS", "--cfg shuttle");
    if effort.long {
        test = test.env("TWINMAP_SCHEDULES", "100000");
    }
    test.run()?;
    Ok(Outcome::Passed)
}

fn miri(effort: Effort) -> Result<Outcome> {
    /// What an interpreter has time for in a normal run: the tests that share a map between threads, and those of what
    /// is freed when. `--long` runs all, by both models of borrowing.
    const GROWING: &[&str] = &["concurrent", "memory::what"];
    /// The same algorithm over the other storage: what is done with its cells.
    const FIXED: &[&str] = &["capacity"];
    setup::nightly()?;
    let miri = |borrows: &str, tests: &str| {
        Cmd::new(&format!("cargo +nightly miri test --features {TESTED} {tests}"))
            .env("MIRIFLAGS", &format!("-Zmiri-strict-provenance{borrows}"))
    };
    let tree = " -Zmiri-tree-borrows";
    if effort.long {
        miri("", "--tests").run()?;
        miri(tree, "--tests").run()?;
        // Other schedules, and other addresses.
        for test in ["spin_lock", "fixed_spin_lock"] {
            miri(" -Zmiri-many-seeds=0..16", &format!("--test {test} concurrent")).run()?;
        }
        return Ok(Outcome::Passed);
    }
    // Miri takes one core. The second one is heard of at its end.
    thread::scope(|scope| {
        let fixed = scope.spawn(|| miri(tree, "--test fixed_spin_lock --").args(FIXED).read_all());
        miri("", "--test spin_lock --").args(GROWING).run()?;
        print!("{}", fixed.join().expect("a thread panicked")?);
        Ok(Outcome::Passed)
    })
}

fn fuzz_step(effort: Effort) -> Result<Outcome> {
    fuzz::run(if effort.long { 30 * 60 } else { 30 })?;
    Ok(Outcome::Passed)
}

fn sanitizers(effort: Effort) -> Result<Outcome> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Outcome::Skipped(format!("they are run on {TARGET} only")));
    }
    setup::nightly()?;
    let sanitized = |sanitizer: &str, tests: &str| {
        // The standard library as well: what it does is seen, too.
        Cmd::new(&format!(
            "cargo +nightly test -Zbuild-std --release --target {TARGET} --target-dir target/{sanitizer}"
        ))
        .args(["--features", TESTED])
        .args(tests.split(' '))
        .env("RUSTFLAGS", &format!("-Zsanitizer={sanitizer} --cfg sanitized"))
        .run()
    };
    if effort.long {
        sanitized("thread", "--test spin_lock --test fixed_spin_lock concurrent")?;
        sanitized("address", "--tests")?;
    } else {
        sanitized("thread", "--test spin_lock concurrent")?;
    }
    Ok(Outcome::Passed)
}

fn faults_step(effort: Effort) -> Result<Outcome> {
    faults::run(&[], !effort.long)?;
    Ok(Outcome::Passed)
}

fn demo_step(effort: Effort) -> Result<Outcome> {
    for board in Board::value_variants() {
        demo::run(*board, None)?;
    }
    if effort.long {
        demo::compare::run(false)?;
    }
    Ok(Outcome::Passed)
}

fn examples_step(_: Effort) -> Result<Outcome> {
    examples::run()?;
    Ok(Outcome::Passed)
}

fn target_step(effort: Effort) -> Result<Outcome> {
    target::run(&[], &[], effort.long, &[])?;
    Ok(Outcome::Passed)
}

fn size_step(_: Effort) -> Result<Outcome> {
    size::check_dependencies()?;
    size::run()?;
    Ok(Outcome::Passed)
}

fn no_panic_step(_: Effort) -> Result<Outcome> {
    no_panic::run()?;
    Ok(Outcome::Passed)
}

fn bench_mcu_step(_: Effort) -> Result<Outcome> {
    bench_mcu::run(false)?;
    Ok(Outcome::Passed)
}

fn mutants_step(effort: Effort) -> Result<Outcome> {
    if !effort.long {
        return Ok(Outcome::Skipped("it takes an hour or two: with --long".to_owned()));
    }
    mutants::run(&[])?;
    Ok(Outcome::Passed)
}

fn msrv(_: Effort) -> Result<Outcome> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let version = rust_version(&manifest).context("Cargo.toml states no rust-version")?;
    if setup::toolchain(version).is_err() {
        return Ok(Outcome::Skipped(format!("Rust {version} cannot be installed")));
    }
    with_features(Cmd::new(&format!("cargo +{version} check --lib --target-dir target/msrv")), ALL_FEATURES).run()?;
    Ok(Outcome::Passed)
}

fn cargo(arguments: &str) -> Cmd {
    Cmd::new(&format!("cargo {arguments}"))
}

/// These features and no default ones.
fn with_features(cmd: Cmd, set: &str) -> Cmd {
    features(cmd.args(["--no-default-features"]), set)
}

fn features(cmd: Cmd, set: &str) -> Cmd {
    if set.is_empty() { cmd } else { cmd.args(["--features", set]) }
}

/// The value of `rust-version` in a manifest.
fn rust_version(manifest: &str) -> Option<&str> {
    let line = manifest.lines().find(|line| line.starts_with("rust-version"))?;
    line.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rust_version_is_read_from_the_manifest() {
        assert_eq!(rust_version("[package]\nrust-version = \"1.85\"\n"), Some("1.85"));
        assert_eq!(rust_version("[package]\n"), None);
    }

    #[test]
    fn what_comes_first_is_there() {
        assert!(FIRST.iter().all(|name| names().contains(name)));
    }

    #[test]
    fn step_names_are_unique() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
