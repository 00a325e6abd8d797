//! `cargo xtask report`: writes docs/performance.md and its charts from what was
//! measured, and the figures in README.md.

mod aims;
mod charts;
mod counts;
mod demo;
mod host;
mod mcu;
mod readme;

use std::fs;

use anyhow::{Context, Result};

use crate::bench_mcu::{self, Record};
use crate::cmd::root;
use crate::demo::compare;

pub use counts::number;

const FOLDER: &str = "docs";
const HEAD: &str = "# Performance\n\nMade by `cargo xtask report` of what was measured: edit that, not this.\n";

/// Paths, from the repository's root, and what is in there.
type Files = Vec<(String, String)>;

/// Of docs/performance.md, with the charts that it shows.
struct Section {
    text: String,
    files: Files,
}

pub fn run() -> Result<()> {
    fs::create_dir_all(root().join(FOLDER)).with_context(|| format!("cannot make {FOLDER}"))?;
    write(render()?)
}

/// Writes what there is on the demo, in README.md and beside it.
pub fn write_demo(record: &Record) -> Result<()> {
    let readme = demo::with_figures(&readme()?, record)?;
    write(vec![(readme::FILE.to_owned(), readme), demo::chart(record)?])
}

fn write(files: Files) -> Result<()> {
    for (path, text) in files {
        fs::write(root().join(&path), text).with_context(|| format!("cannot write {path}"))?;
        println!("written to {path}");
    }
    Ok(())
}

fn readme() -> Result<String> {
    fs::read_to_string(root().join(readme::FILE)).with_context(|| format!("cannot read {}", readme::FILE))
}

/// All that is written. It depends on what was measured, and on nothing else.
fn render() -> Result<Files> {
    let (record, of_demo) = (bench_mcu::read()?, compare::read()?);
    let readme = demo::with_figures(&readme::with_figures(&readme()?, &record)?, &of_demo)?;
    let mut files = vec![(readme::FILE.to_owned(), readme), demo::chart(&of_demo)?];
    let mut text = HEAD.to_owned();
    for section in [Some(mcu::section(&record)?), host::section()?].into_iter().flatten() {
        text += &format!("\n{}", section.text);
        files.extend(section.files);
    }
    files.push((format!("{FOLDER}/performance.md"), text));
    Ok(files)
}

/// A table in Markdown, numbers to the right.
fn markdown(header: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|---|{}\n", "--:|".repeat(header.len() - 1));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    line(header) + &rule + &rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_rule_below_its_header() {
        let strings = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = markdown(&strings(["map", "ns"]), &[strings(["scc", "7.2"])]);
        assert_eq!(table, "| map | ns |\n|---|--:|\n| scc | 7.2 |\n");
    }

    #[test]
    fn what_is_committed_shows_what_was_measured() {
        for (path, text) in render().unwrap() {
            let committed = fs::read_to_string(root().join(&path)).unwrap_or_default();
            assert!(committed == text, "{path} is not what `cargo xtask report` writes: run it, and commit");
        }
    }
}
