//! `cargo xtask coverage`: how much of src/ the host's tests run, by line and by branch.
//!
//! What it cannot show are the interleavings of threads: for these there are loom's models, and the tests on target.

use anyhow::Result;

use crate::cmd::Cmd;
use crate::matrix::{SOON_BUILT, TESTED};
use crate::setup;

/// The least, in percent of all lines. The rest is: evaluated at compile time; abort, when an allocation fails; a race
/// that tests of one core hardly ever meet; and what cannot be, but has to be written.
const LINES: u32 = 95;

/// Tests that are soon built: those of units, and of what is done under the lock, by both maps.
const FEW: &str = "--lib --test=locking_growing --test=locking_fixed --test=panicking_lock";

/// The least that they run.
const LINES_BY_FEW: u32 = 80;

/// Of src/ and nothing else; `steps.rs` is a test.
const NOT_SRC: &str = r"/src/steps\.rs$";

/// Runs the tests, or a few, prints a table of files and the lines that were not run, and writes the sources with the
/// counts beside them.
pub fn run(few: bool) -> Result<()> {
    setup::nightly_with(&["llvm-tools"])?; // For the branches.
    setup::subcommand("llvm-cov")?;
    let (tests, flags, lines) = if few { (FEW, SOON_BUILT, LINES_BY_FEW) } else { ("--lib --tests", "", LINES) };
    let cov = |line: &str| Cmd::new(&format!("cargo +nightly llvm-cov {line}"));
    cov("clean --workspace").run()?; // Else what earlier runs have covered is added.
    let test = cov(&format!("--package twinmap {tests} --branch --no-report --features")).args([TESTED]);
    test.env("RUSTFLAGS", flags).run()?;
    let report = |line: &str| cov(&format!("report --branch {line}")).args(["--ignore-filename-regex", NOT_SRC]);
    report("--html --output-dir target/coverage").run()?;
    println!("the sources, with the counts: target/coverage/html/index.html");
    report(&format!("--show-missing-lines --fail-under-lines {lines}")).run()
}
