//! `cargo xtask mutants`: whether the tests notice when something in src/ is changed.
//!
//! .cargo/mutants.toml says which changes cargo-mutants makes, and which tests are to fail or not to end. The mutants
//! that nothing noticed have to be in docs/mutants.md, with the reason; and what is in there has to be a mutant.

use std::collections::BTreeSet;
use std::fs::read_to_string;

use anyhow::{Context, Result, bail, ensure};

use crate::cmd::{Cmd, root};
use crate::matrix::{SOON_BUILT, TESTED};
use crate::setup;

const KNOWN: &str = "docs/mutants.md";

/// Mutants that few tests notice, and at once: none that waits for ever.
const FEW: &str = r"Count<B>::(claim|is_full)";
/// Those: of units, and of a map that can be full.
const TESTS: [&str; 2] = ["--lib", "--test=locking_fixed"];

/// Those that are known, each of which has to be a mutant still.
fn known() -> Result<BTreeSet<String>> {
    setup::nightly()?; // To stop at the first test that fails.
    setup::subcommand("mutants")?;
    let known = listed(&read(KNOWN)?);
    let all = Cmd::new("cargo +nightly mutants --list").read()?.lines().map(without_place).collect();
    if let Some(gone) = known.difference(&all).next() {
        bail!("in {KNOWN}, and no mutant any more: {gone}");
    }
    Ok(known)
}

/// Runs cargo-mutants with these arguments besides, and fails when a mutant survives that is not known.
pub fn run(arguments: &[String]) -> Result<()> {
    let known = known()?;
    let missed = missed(mutants("--jobs 2").args(arguments), &known)?;
    if arguments.is_empty() {
        // (Some tests notice a mutant only when they run into its timeout.)
        known.difference(&missed).for_each(|mutant| println!("in {KNOWN}, though it did not survive: {mutant}"));
    }
    Ok(())
}

/// Tries a few; and sees whether those that are known are mutants.
pub fn run_few() -> Result<()> {
    // Without the configuration, whose tests take minutes to build.
    let few = mutants("--no-config --features").args([TESTED]).args(["--re", FEW]).env("RUSTFLAGS", SOON_BUILT);
    missed(few.args(TESTS.map(|argument| format!("--cargo-arg={argument}"))), &known()?)?;
    Ok(())
}

fn mutants(line: &str) -> Cmd {
    Cmd::new(&format!("cargo +nightly mutants --output target {line}"))
}

/// The mutants that survive, all of which are known.
fn missed(mutants: Cmd, known: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    mutants.show("");
    let status = mutants.into_command().status().context("cannot run cargo")?;
    // Missed ones, and ones that do not end.
    if !status.success() && !matches!(status.code(), Some(2 | 3)) {
        bail!("cargo mutants failed ({status})");
    }
    let missed: BTreeSet<_> = read("target/mutants.out/missed.txt")?.lines().map(without_place).collect();
    ensure!(!missed.is_empty() || !read("target/mutants.out/caught.txt")?.is_empty(), "no mutant was tried");
    let new: Vec<_> = missed.difference(known).map(|mutant| format!("- `{mutant}`")).collect();
    println!("{} mutants survived, of which {} are not in {KNOWN}", missed.len(), new.len());
    if !new.is_empty() {
        bail!("nothing noticed these mutants:\n{}", new.join("\n"));
    }
    Ok(missed)
}

fn read(file: &str) -> Result<String> {
    read_to_string(root().join(file)).with_context(|| format!("cannot read {file}"))
}

/// `src/map.rs:12:5: replace + with -` without line and column, which change with all that comes before.
fn without_place(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    let (file, _line, _column, mutant) = (parts.next(), parts.next(), parts.next(), parts.next());
    format!("{}:{}", file.unwrap_or_default(), mutant.unwrap_or_default())
}

/// The mutants in a list of Markdown: each begins its item, as code.
fn listed(list: &str) -> BTreeSet<String> {
    let item = |line: &str| Some(line.strip_prefix("- `")?.split_once('`')?.0.to_owned());
    list.lines().filter_map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_found_in_the_list_wherever_it_is_in_its_file() {
        let list = "# Mutants\n\n- `src/a.rs: replace || with && in <impl A<B> for C>::f`: why\n- no mutant\n";
        let mutant = without_place("src/a.rs:12:34: replace || with && in <impl A<B> for C>::f");
        assert_eq!(listed(list), BTreeSet::from([mutant]));
    }
}
