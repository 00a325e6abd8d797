//! The examples that are firmware: packages in the folder examples, each run under QEMU.
//! And those for a host: single files, each run as it is.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::boards::{self, Clock};
use crate::cmd::{Cmd, root};
use crate::matrix::DEMO;
use crate::{image, setup};

/// Their folders.
pub const FOLDERS: &[&str] = &["examples/embassy", "examples/rtic"];

/// Builds and runs each: it has to end well, and to say so.
pub fn run() -> Result<()> {
    host()?;
    let board = boards::LM3S6965EVB;
    setup::targets(&[DEMO])?;
    setup::qemu(board.program())?;
    for folder in FOLDERS {
        Cmd::new("cargo build --release --target-dir target").dir(folder).run()?;
        let name = folder.trim_start_matches("examples/");
        let elf = root().join(format!("{folder}/target/{DEMO}/release/twinmap-{name}"));
        let mut output = String::new();
        let end = image::to_the_end(
            board.run(Clock::Instructions { finer: 0 }, false, &elf.to_string_lossy(), ""),
            &mut output,
        )?;
        print!("{output}");
        if let Some(end) = end {
            bail!("{folder}: {end}");
        }
        if !output.contains(&format!("{name}: ok: ")) {
            bail!("{folder} did not say that it is ok");
        }
    }
    Ok(())
}

/// An example for the host is read at a glance: it has fewer lines.
const LINES: usize = 80;

/// Runs each example for the host: it has to end well, to say so, and to be short.
fn host() -> Result<()> {
    for name in files()? {
        let path = format!("examples/{name}.rs");
        let lines = fs::read_to_string(root().join(&path)).with_context(|| path.clone())?.lines().count();
        if lines >= LINES {
            bail!("{path} has {lines} lines, and should have fewer than {LINES}");
        }
        let output = Cmd::new(&format!("cargo run --quiet --example {name}")).read_all()?;
        print!("{output}");
        if !output.contains(&format!("{name}: ok: ")) {
            bail!("{path} did not say that it is ok");
        }
    }
    Ok(())
}

/// The names of the files examples/*.rs: listed, so that none can be forgotten.
fn files() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("examples")).context("examples")? {
        let name = entry?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_links_every_example() {
        let examples = root().join("examples");
        let readme = fs::read_to_string(examples.join("README.md")).unwrap();
        let files = files().unwrap().into_iter().map(|name| format!("{name}.rs"));
        let entries = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().join("Cargo.toml").is_file());
        let folders = folders.map(|entry| entry.file_name().into_string().unwrap());
        let all: Vec<_> = files.chain(folders).collect();
        assert!(all.len() > FOLDERS.len(), "only {all:?}");
        for example in all {
            assert!(readme.contains(&format!("]({example})")), "examples/README.md does not link {example}");
        }
    }
}
