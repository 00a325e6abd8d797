//! `cargo xtask report`: writes docs/performance.md and its charts from what was measured.

mod charts;
mod host;
mod mcu;

use std::fs;

use anyhow::{Context, Result};

use crate::cmd::{root, shown};

const FOLDER: &str = "docs";
const HEAD: &str = "# Performance\n\nMade by `cargo xtask report` of what was measured: edit that, not this.\n";

pub fn run() -> Result<()> {
    let folder = root().join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    let sections = [mcu::section()?, host::section(&folder)?];
    let text = [HEAD.to_owned()].into_iter().chain(sections.into_iter().flatten()).collect::<Vec<_>>().join("\n");
    let path = folder.join("performance.md");
    fs::write(&path, text).with_context(|| format!("cannot write {}", shown(&path)))?;
    println!("written to {}", shown(&path));
    Ok(())
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
}
