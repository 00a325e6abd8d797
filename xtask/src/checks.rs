//! The checks of `cargo xtask test`: named steps, each of which can be run alone.

mod schedule;

use std::thread;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

pub use schedule::run;

use crate::boards::BOARDS;
use crate::cmd::{Cmd, root};
use crate::demo::Board;
use crate::matrix::{ALL_FEATURES, DEMO, FEATURE_SETS, SOON_BUILT, TESTED, WITHOUT_CAS, builds, joined, triples};
use crate::{
    bench_mcu, coverage, demo, examples, faults, fuzz, mutants, no_panic, package, readme, setup, size, target,
};

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
    Step {
        name: "clippy",
        about: "no warning, in every feature set and on every target; with --long of the checks, too",
        run: clippy,
    },
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
    Step {
        name: "semver",
        about: "what is public is what it was in the last release, or the version says so",
        run: semver,
    },
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
    Step { name: "size", about: "what a FixedMap takes, within budget, without an allocator", run: size_step },
    Step { name: "no-panic", about: "nothing that a firmware links of a map can panic", run: no_panic_step },
    Step {
        name: "bench-mcu",
        about: "no operation takes more instructions on a microcontroller than is committed, and no map more bytes",
        run: bench_mcu_step,
    },
    Step { name: "msrv", about: "the oldest compiler that is supported", run: msrv },
    Step { name: "coverage", about: "how much of src the host's tests run", run: coverage_step },
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

fn fmt(_: Effort) -> Result<Outcome> {
    setup::components(&["rustfmt"])?;
    for workspace in [".", "on-target"] {
        cargo("fmt --all --check").dir(workspace).run()?;
    }
    // (With `--all`, a package that it depends on as well: this one, each time.)
    let folders = ["thumbv7-demo", "consumer", "size", "benches/host", bench_mcu::FOLDER, no_panic::FOLDER, "fuzz"];
    for dir in folders.into_iter().chain(examples::FIRMWARE.iter().map(|firmware| firmware.folder)) {
        cargo("fmt --check").dir(dir).run()?;
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
    // Code differs by what a core can do at most: sets of features differ on one of each
    // kind, of which one is the host.
    let sets = |triple| if effort.long || triple == WITHOUT_CAS { FEATURE_SETS } else { &[ALL_FEATURES] };
    for (triple, polyfill) in builds() {
        for set in sets(triple) {
            let clippy = cargo("clippy --lib --target").args([triple]);
            with_features(clippy, &joined(set, polyfill)).args(deny).run()?;
        }
    }
    // Optimised, as it is run: what runs while it is built has been built once.
    let demo = |target: &str| cargo("clippy --release --target").args([target]).dir("thumbv7-demo");
    for board in Board::value_variants() {
        demo(board.target()).args(deny).run()?;
    }
    for (_, feature) in demo::compare::MAPS {
        demo(DEMO).args(["--features", feature]).args(deny).run()?;
    }
    examples::setup_targets()?;
    for firmware in examples::FIRMWARE {
        firmware.cargo("clippy").args(deny).run()?;
    }
    if effort.long {
        // What only checks are made of: all that each depends on has to be built for it.
        target::clippy()?;
        cargo("clippy --package xtask --all-targets").args(deny).run()?;
        for dir in ["benches/host", "fuzz"] {
            cargo("clippy --all-targets").args(deny).dir(dir).run()?;
        }
        for dir in ["consumer", "size", bench_mcu::FOLDER, no_panic::FOLDER] {
            cargo("clippy --target").args([DEMO]).args(deny).dir(dir).run()?;
        }
        cargo("clippy --features others --target").args([DEMO]).args(deny).dir("size").run()?;
    }
    Ok(Outcome::Passed)
}

fn host(effort: Effort) -> Result<Outcome> {
    cargo("test --package xtask").run()?;
    let optimised = |tests: &str| with_features(cargo(&format!("test --release {tests}")), TESTED);
    if effort.long {
        optimised("--tests").run()?;
    } else {
        optimised("--lib --test spin_lock --test fixed_spin_lock").env("RUSTFLAGS", SOON_BUILT).run()?;
    }
    with_features(cargo("test --test stats"), &joined(TESTED, "stats")).env("RUSTFLAGS", SOON_BUILT).run()?;
    with_features(cargo("test --lib"), "").env("RUSTFLAGS", SOON_BUILT).run()?;
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
    if let Some(skipped) = without_subcommand("deny", effort)? {
        return Ok(skipped);
    }
    let deny = |line: &str| Cmd::new(&format!("cargo deny --workspace --all-features {line}"));
    deny("check licenses bans sources").run()?;
    if deny("fetch db").succeeds() {
        deny("check advisories").run()?;
    } else {
        println!("advisories: not looked at, for their database cannot be fetched");
    }
    Ok(Outcome::Passed)
}

fn semver(effort: Effort) -> Result<Outcome> {
    let releases = Cmd::new("git tag --list v[0-9]* --merged HEAD --sort=-version:refname").read()?;
    let Some(last) = releases.lines().next() else {
        return Ok(Outcome::Skipped("no version has been tagged (v0.1.0, say) to compare with".to_owned()));
    };
    if let Some(skipped) = without_subcommand("semver-checks", effort)? {
        return Ok(skipped);
    }
    // (Not what is on crates.io: a tag is compared with offline, too.)
    let check = Cmd::new("cargo semver-checks --package twinmap --baseline-rev").args([last]);
    check.args(["--only-explicit-features", "--features", ALL_FEATURES]).run()?;
    Ok(Outcome::Passed)
}

/// Sees to it that a subcommand of cargo's is there; in the normal run, says instead that it is not.
fn without_subcommand(name: &str, effort: Effort) -> Result<Option<Outcome>> {
    if !effort.long && !setup::has_subcommand(name) {
        let reason = format!("cargo-{name} is not there, and takes minutes to build: with --long");
        return Ok(Some(Outcome::Skipped(reason)));
    }
    setup::subcommand(name)?;
    Ok(None)
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
        // One more in each model that has fewer.
        test = test.env("LOOM_MAX_PREEMPTIONS", "5");
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
    /// What an interpreter has time for in a normal run, by both maps: threads that do anything, and one that reads
    /// meanwhile. `--long` runs all, by both models of borrowing; and these with other schedules, and other addresses.
    const SOME_THREADS: &[&str] = &["concurrent::drops", "concurrent::a_pinned_reader"];
    /// And what is freed when.
    const GROWING: &[&str] = &["memory::what"];
    /// The same algorithm over the other storage: what is done with its cells at its limits, too.
    const FIXED: &[&str] = &["memory::what", "capacity::a_full_map_takes", "capacity::a_pinned"];
    /// With words of 32 bits, and compiled for size, by which other code is chosen (build.rs).
    const AS_FIRMWARE: &str = "--target i686-unknown-linux-gnu --config profile.dev.opt-level=\"s\"";
    setup::nightly()?;
    let miri = |borrows: &str, tests: &str| {
        Cmd::new(&format!("cargo +nightly miri test --no-fail-fast --features {TESTED} {tests}"))
            .env("MIRIFLAGS", &format!("-Zmiri-strict-provenance{borrows}"))
    };
    let tree = " -Zmiri-tree-borrows";
    let growing = |flags| chosen(miri("", &format!("{flags} --test spin_lock")), &[GROWING, SOME_THREADS].concat());
    let fixed =
        || chosen(miri(tree, &format!("{AS_FIRMWARE} --test fixed_spin_lock")), &[FIXED, SOME_THREADS].concat());
    // Miri takes one core: two at a time.
    let both = |first: &(dyn Fn() -> Result<String> + Sync), second: &(dyn Fn() -> Result<String> + Sync)| {
        thread::scope(|scope| {
            let second = scope.spawn(second);
            print!("{}", first()?);
            print!("{}", second.join().expect("a thread panicked")?);
            Ok::<_, anyhow::Error>(())
        })
    };
    if effort.long {
        let all = [
            "--lib --test [!cf]* --test fixed_[!c]*",
            "--features stats --test stats",
            // Another lock does nothing else with memory: of the tests with it, those of threads.
            "--test *critical_section_lock concurrent",
        ];
        let run = |borrows| all.iter().map(|tests| miri(borrows, tests).read_all()).collect::<Result<String>>();
        both(&|| run(""), &|| run(tree))?;
        both(&|| growing(AS_FIRMWARE), &fixed)?;
        let seeds = |test| chosen(miri(" -Zmiri-many-seeds=0..16", &format!("--test {test}")), SOME_THREADS);
        both(&|| seeds("spin_lock"), &|| seeds("fixed_spin_lock"))?;
    } else {
        both(&|| growing(""), &fixed)?;
    }
    Ok(Outcome::Passed)
}

/// Runs the tests whose names contain one of these: what they print, if each file has some, and each name chooses some.
fn chosen(tests: Cmd, names: &[&str]) -> Result<String> {
    let printed = tests.args(["--"]).args(names).read_all()?;
    ensure!(!printed.contains("test result: ok. 0 passed"), "a file has no test of {names:?}:\n{printed}");
    let ran = |name: &str| printed.lines().any(|line| line.starts_with("test ") && line.contains(name));
    for name in names {
        ensure!(ran(name), "no test is named {name}:\n{printed}");
    }
    Ok(printed)
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
    let sanitized = |sanitizer: &str, flags: &str, tests: &str| {
        // The standard library as well: what it does is seen, too. (Without what shows backtraces.)
        Cmd::new(&format!(
            "cargo +nightly test -Zbuild-std -Zbuild-std-features=panic-unwind --release \
             --target {TARGET} --target-dir target/{sanitizer}"
        ))
        .args(["--features", TESTED])
        .args(tests.split(' '))
        .env("RUSTFLAGS", &format!("-Zsanitizer={sanitizer} {flags}"))
    };
    let threads = sanitized("thread", SOON_BUILT, "--test spin_lock --test fixed_spin_lock");
    print!("{}", chosen(threads, &["concurrent"])?);
    if effort.long {
        // Two tests leak: it is what they are about.
        let leaking = "--skip forget::what_a_write_took_out --skip forget::a_forgotten_drain";
        sanitized("address", "", &format!("--tests -- {leaking}")).run()?;
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
    let boards: Vec<_> = BOARDS.iter().filter(|board| effort.long || !board.repeats).collect();
    let suites = target::SUITES.iter().filter(|suite| effort.long || !suite.repeats);
    let suites: Vec<_> = suites.map(|suite| suite.name.to_owned()).collect();
    target::run(&boards, &suites, effort.long, &[])?;
    Ok(Outcome::Passed)
}

fn size_step(_: Effort) -> Result<Outcome> {
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

fn coverage_step(effort: Effort) -> Result<Outcome> {
    if let Some(skipped) = without_subcommand("llvm-cov", effort)? {
        return Ok(skipped);
    }
    coverage::run(!effort.long)?;
    Ok(Outcome::Passed)
}

fn mutants_step(effort: Effort) -> Result<Outcome> {
    if let Some(skipped) = without_subcommand("mutants", effort)? {
        return Ok(skipped);
    }
    if effort.long {
        mutants::run(&[])?
    } else {
        mutants::run_few()?
    }
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
    fn step_names_are_unique() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
