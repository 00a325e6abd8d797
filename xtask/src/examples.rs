//! The examples: single files for a host, and firmware, packages of their own that run under QEMU. Each
//! has to end well, and to say so.

mod c;
mod defmt;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::cmd::{Cmd, root};
use crate::matrix::DEMO;
use crate::{image, setup};

pub use self::defmt::run as run_defmt;

/// A package of firmware.
pub struct Firmware {
    pub folder: &'static str,
    pub target: &'static str,
    /// Where it is built, from its folder: in one place for all, most of what they depend on is the same.
    target_dir: &'static str,
    /// What somebody reads of it.
    sources: &'static [&'static str],
    /// Builds it in its folder, and returns the command that runs it under QEMU.
    build: fn(&Firmware) -> Result<Cmd>,
}

const RUST: Firmware = Firmware {
    folder: "",
    target: DEMO,
    target_dir: "../../target/examples",
    sources: &["src/main.rs"],
    build: cargo_build,
};

pub const FIRMWARE: &[Firmware] = &[
    Firmware { folder: "examples/basepri", ..RUST },
    Firmware {
        folder: "examples/c",
        target_dir: "target",
        sources: &["main.c", "src/lib.rs"],
        build: c::build,
        ..RUST
    },
    Firmware { folder: "examples/defmt", ..RUST },
    Firmware { folder: "examples/dual-core", target: "thumbv8m.main-none-eabi", ..RUST },
    Firmware { folder: "examples/embassy", ..RUST },
    Firmware { folder: "examples/interrupts", ..RUST },
    Firmware { folder: "examples/no-heap", target: "thumbv6m-none-eabi", ..RUST },
    Firmware { folder: "examples/rtic", ..RUST },
    Firmware { folder: "examples/settings", ..RUST },
];

/// A source that is an example is read at a glance: it has fewer lines.
const LINES: usize = 80;

/// Builds and runs each.
pub fn run() -> Result<()> {
    names()?.iter().try_for_each(|name| run_on_host(name))?;
    setup_targets()?;
    setup::qemu("qemu-system-arm")?;
    FIRMWARE.iter().try_for_each(|firmware| run_firmware(firmware).with_context(|| firmware.folder.to_owned()))
}

/// Makes sure of the targets of all.
pub fn setup_targets() -> Result<()> {
    let mut targets: Vec<_> = FIRMWARE.iter().map(|firmware| firmware.target).collect();
    targets.sort_unstable();
    targets.dedup();
    setup::targets(&targets)
}

fn run_firmware(firmware: &Firmware) -> Result<()> {
    let Firmware { folder, sources, build, .. } = firmware;
    sources.iter().try_for_each(|source| is_short(&format!("{folder}/{source}")))?;
    let mut output = String::new();
    let end = image::to_the_end(build(firmware)?, &mut output)?;
    print!("{output}");
    if let Some(end) = end {
        bail!("{end}");
    }
    let name = folder.trim_start_matches("examples/");
    is_ok(name, &output)?;
    for source in *sources {
        defmt::says_what_it_logs(&read(&format!("{folder}/{source}"))?, &output)?;
    }
    Ok(())
}

/// Its .cargo/config.toml says how it is run. (`cargo run` becomes QEMU, and so it can be ended.)
fn cargo_build(firmware: &Firmware) -> Result<Cmd> {
    firmware.cargo("build").run()?;
    Ok(firmware.cargo("run --quiet"))
}

impl Firmware {
    /// Cargo, for its target, optimised: whatever is asked for, what runs while it is built has been built once.
    pub fn cargo(&self, command: &str) -> Cmd {
        let Self { folder, target, target_dir, .. } = self;
        Cmd::new(&format!("cargo {command} --release --target {target} --target-dir {target_dir}")).dir(folder)
    }
}

fn run_on_host(name: &str) -> Result<()> {
    is_short(&format!("examples/{name}.rs"))?;
    let output = Cmd::new(&format!("cargo run --quiet --example {name}")).read_all()?;
    print!("{output}");
    is_ok(name, &output)
}

/// The names of the files examples/*.rs: listed, so that none can be forgotten.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("examples")).context("cannot read the folder examples")? {
        let name = entry?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}

fn is_short(path: &str) -> Result<()> {
    let lines = read(path)?.lines().count();
    ensure!(lines < LINES, "{path} has {lines} lines, and must have fewer than {LINES} to be an example");
    Ok(())
}

fn is_ok(name: &str, output: &str) -> Result<()> {
    ensure!(output.contains(&format!("{name}: ok: ")), "{name} did not say that it is ok");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_links_every_example() {
        let examples = root().join("examples");
        let readme = fs::read_to_string(examples.join("README.md")).unwrap();
        let files = names().unwrap().into_iter().map(|name| format!("{name}.rs"));
        let entries = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().join("Cargo.toml").is_file());
        let folders = folders.map(|entry| entry.file_name().into_string().unwrap());
        let all: Vec<_> = files.chain(folders).collect();
        assert!(all.len() > FIRMWARE.len(), "only {all:?}");
        for example in all {
            assert!(readme.contains(&format!("]({example})")), "examples/README.md does not link {example}");
        }
    }
}
