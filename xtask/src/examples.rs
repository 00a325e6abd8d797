//! The examples that are firmware: packages in the folder examples, each run under QEMU.

use anyhow::{Result, bail};

use crate::boards::{self, Clock};
use crate::cmd::{Cmd, root};
use crate::matrix::DEMO;
use crate::{image, setup};

/// Their folders.
pub const FOLDERS: &[&str] = &["examples/embassy", "examples/rtic"];

/// Builds and runs each: it has to end well, and to say so.
pub fn run() -> Result<()> {
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
