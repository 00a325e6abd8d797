//! The examples that are firmware: packages in the folder examples, each run under QEMU.

mod c;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::cmd::{Cmd, root};
use crate::matrix::DEMO;
use crate::{image, setup};

/// A package of firmware.
pub struct Firmware {
    pub folder: &'static str,
    pub target: &'static str,
    /// What somebody reads of it.
    sources: &'static [&'static str],
    /// Builds it in its folder, and returns the command that runs it under QEMU.
    build: fn(&str) -> Result<Cmd>,
}

const RUST: Firmware = Firmware { folder: "", target: DEMO, sources: &["src/main.rs"], build: cargo_build };

pub const FIRMWARE: &[Firmware] = &[
    Firmware { folder: "examples/c", sources: &["main.c", "src/lib.rs"], build: c::build, ..RUST },
    Firmware { folder: "examples/dual-core", target: "thumbv8m.main-none-eabi", ..RUST },
    Firmware { folder: "examples/embassy", ..RUST },
    Firmware { folder: "examples/interrupts", ..RUST },
    Firmware { folder: "examples/no-heap", target: "thumbv6m-none-eabi", ..RUST },
    Firmware { folder: "examples/rtic", ..RUST },
];

/// A source that is an example is shorter than that.
const LINES: usize = 80;

/// Builds and runs each: it has to end well, and to say so.
pub fn run() -> Result<()> {
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
    for source in *sources {
        let text = fs::read_to_string(root().join(folder).join(source)).with_context(|| format!("no {source}"))?;
        let lines = text.lines().count();
        ensure!(lines < LINES, "{source} has {lines} lines, and must have less than {LINES} to be an example");
    }
    let mut output = String::new();
    let end = image::to_the_end(build(folder)?, &mut output)?;
    print!("{output}");
    if let Some(end) = end {
        bail!("{end}");
    }
    let name = folder.trim_start_matches("examples/");
    ensure!(output.contains(&format!("{name}: ok: ")), "it did not say that it is ok");
    Ok(())
}

/// Its .cargo/config.toml says how it is run. (`cargo run` becomes QEMU, and so it can be ended.)
fn cargo_build(folder: &str) -> Result<Cmd> {
    Cmd::new("cargo build --release --target-dir target").dir(folder).run()?;
    Ok(Cmd::new("cargo run --release --target-dir target --quiet").dir(folder))
}
