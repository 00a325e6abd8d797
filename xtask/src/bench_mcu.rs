//! `cargo xtask bench-mcu`: how many instructions the maps' operations take on microcontrollers, counted exactly, and
//! how many bytes; and whether any of that became more.
//!
//! benches/mcu has the firmware, and a plugin for QEMU that counts. Its figures are the same
//! each time, for the same compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::boards::{BOARDS, Board, Clock};
use crate::cmd::{Cmd, root};
use crate::{image, matrix, setup, size};

pub mod events;
mod explain;
mod figures;
#[cfg(test)]
mod masked;
mod report;
mod trace;

pub use explain::run as explain;
use figures::compare;
pub use figures::{Figures, Record, Rows};
pub use report::{SIZES, SUBJECTS};

/// The firmware's.
pub const FOLDER: &str = "benches/mcu";

/// Where the figures are committed.
const FILE: &str = "benches/mcu.json";

/// Which functions the instructions are in.
const FUNCTIONS: &str = "docs/instructions.md";

/// Without compare-and-swap, and with it: as the tables call them, the target, and a board that has the memory.
const CORES: [(&str, &str, &str); 2] =
    [("thumbv6m", matrix::WITHOUT_CAS, "microbit"), ("thumbv7m", matrix::DEMO, "mps2-an385")];

/// `opt-level`.
const LEVELS: [&str; 2] = ["3", "s"];

/// Measures, prints tables, and compares with the file; or writes it.
pub fn run(update: bool) -> Result<()> {
    set_up()?;
    let record = Record { rustc: rustc()?, rows: measure()? };
    print!("{}", report::tables(&record.rows));
    if update {
        fs::write(root().join(FILE), record.text()).with_context(|| format!("cannot write {FILE}"))?;
        fs::write(root().join(FUNCTIONS), explain::document()?).with_context(|| format!("cannot write {FUNCTIONS}"))?;
        println!(
            "bench-mcu: {FILE} and {FUNCTIONS} are written; `cargo xtask report` has yet to write what shows the file"
        );
        return Ok(());
    }
    judge(&read()?, &record)
}

fn set_up() -> Result<()> {
    setup::gcc()?;
    for (_, triple, board) in CORES {
        setup::targets(&[triple])?;
        setup::qemu(self::board(board, triple)?.program())?;
    }
    Ok(())
}

/// What is committed.
pub fn read() -> Result<Record> {
    let text = fs::read_to_string(root().join(FILE)).map_err(anyhow::Error::from);
    let file = text.and_then(|text| Record::parse(&text));
    file.with_context(|| format!("cannot read {FILE}; `cargo xtask bench-mcu --update` writes it"))
}

fn judge(file: &Record, measured: &Record) -> Result<()> {
    let differences = compare(&file.rows, &measured.rows);
    if !differences.better.is_empty() {
        println!("better than in {FILE}:\n  {}", differences.better.join("\n  "));
        println!(
            "note: run `cargo xtask bench-mcu --update` and `cargo xtask report`, and commit, so that it stays so\n"
        );
    }
    if !differences.worse.is_empty() {
        let compiler = if file.rustc == measured.rustc {
            String::new()
        } else {
            format!("\nThe file is of rustc {}, and this is {}: that may be the reason.", file.rustc, measured.rustc)
        };
        bail!(
            "not as in {FILE}:\n  {}{compiler}\nIf it must be so: run `cargo xtask bench-mcu --update` and `cargo xtask report`, and commit",
            differences.worse.join("\n  ")
        );
    }
    println!("bench-mcu: ok: nothing is worse than in {FILE}");
    Ok(())
}

/// The rows of both cores, at the same time.
fn measure() -> Result<Rows> {
    let (plugin, link) = (plugin()?, link()?);
    thread::scope(|scope| {
        let core = |(core, triple, name)| {
            let (plugin, link) = (&plugin, &link);
            scope.spawn(move || of_core(core, triple, board(name, triple)?, plugin, link).context(core))
        };
        let cores = CORES.map(core);
        let rows = cores.into_iter().map(|core| core.join().expect("a thread panicked")).collect::<Result<Vec<_>>>()?;
        Ok(rows.into_iter().flatten().collect())
    })
}

/// Builds the plugin: where it is.
pub fn plugin() -> Result<String> {
    let target = target_dir();
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let plugin = path(&target.join("count.so"))?;
    Cmd::new("gcc -O2 -Wall -Wextra -Werror -fPIC -shared -o").args([&*plugin, "benches/mcu/plugin/count.c"]).run()?;
    Ok(plugin)
}

/// Another path to the repository, the same wherever it lies. A crate's symbols depend on its path, and on their order
/// depends what is inlined where: between two checkouts, figures would differ by some instructions.
pub fn link() -> Result<PathBuf> {
    // Not the directory that TMPDIR says: always the same.
    let link = PathBuf::from("/tmp/twinmap-bench-mcu");
    if fs::read_link(&link).is_ok_and(|to| to == root()) {
        return Ok(link);
    }
    // (There may be one of another checkout.)
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(root(), &link)
        .with_context(|| format!("cannot make {}, a link to the repository", link.display()))?;
    Ok(link)
}

fn of_core(core: &str, triple: &str, board: Board, plugin: &str, link: &Path) -> Result<Rows> {
    let mut rows = Rows::new();
    for level in LEVELS {
        let image = build(triple, level, "none", link)?;
        let (trace, printed) = run_image(&image, board, plugin)?;
        let counted = trace::rows(&trace, &printed).with_context(|| format!("opt-level {level}"))?;
        rows.extend(counted.into_iter().map(|(row, figures)| (format!("{core} {level} {row}"), figures)));
        // The same at both levels.
        rows.extend(trace::memory(&printed)?.into_iter().map(|(row, figures)| (format!("{core} {row}"), figures)));
    }
    for (map, bytes) in size::flash(triple, &target_dir(), link)? {
        rows.insert(format!("{core} 64 {map} flash"), [("bytes".to_owned(), bytes)].into());
    }
    Ok(rows)
}

/// Where all is built: what runs while it is built is the same for both cores.
fn target_dir() -> PathBuf {
    root().join(FOLDER).join("target")
}

/// Builds the firmware, with so much debug information: where its image is.
fn build(triple: &str, level: &str, debug: &str, link: &Path) -> Result<PathBuf> {
    let folder = target_dir();
    let build = Cmd::new("cargo build --release --target").args([triple, "--target-dir", &path(&folder)?]);
    let build = build.args(["--manifest-path", &path(&link.join(FOLDER).join("Cargo.toml"))?]);
    let build = build.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level).env("CARGO_PROFILE_RELEASE_DEBUG", debug);
    print!("{}", build.dir(FOLDER).read_all()?);
    Ok(folder.join(triple).join("release/bench-mcu"))
}

/// Runs it: what the plugin wrote, and what it printed.
fn run_image(image: &Path, board: Board, plugin: &str) -> Result<(Vec<u8>, String)> {
    trace(board.run(Clock::Real, false, &path(image)?, ""), plugin, &image.with_extension("trace"))
}

/// Runs QEMU with an image: what the plugin wrote, and what the image printed.
pub fn trace(qemu: Cmd, plugin: &str, file: &Path) -> Result<(Vec<u8>, String)> {
    let qemu = qemu.args(["-plugin", &format!("{plugin},out={}", path(file)?)]);
    let mut printed = String::new();
    if let Some(end) = image::to_the_end(qemu, &mut printed)? {
        bail!("{end}; it printed:\n{printed}");
    }
    let trace = fs::read(file).with_context(|| format!("no trace in {}", file.display()))?;
    fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
    Ok((trace, printed))
}

fn board(name: &str, triple: &str) -> Result<Board> {
    let board = BOARDS.iter().find(|board| board.name == name && board.triple == triple);
    board.copied().with_context(|| format!("no board {name} for {triple}"))
}

/// For a command; for a list of QEMU's too, which is split at commas.
pub fn path(path: &Path) -> Result<String> {
    let path = path.to_str().context("the repository's path is not UTF-8")?;
    if path.contains(',') {
        bail!("the repository's path has a comma in it");
    }
    Ok(path.to_owned())
}

/// The compiler's version: `1.95.0`.
pub fn rustc() -> Result<String> {
    let version = Cmd::new("rustc --version").dir(FOLDER).read()?;
    Ok(version.split(' ').nth(1).context("rustc has no version")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(rustc: &str, sum: u64) -> Record {
        let figures = [("sum".to_owned(), sum)].into();
        Record { rustc: rustc.to_owned(), rows: [("thumbv7m 3 64 A hit".to_owned(), figures)].into() }
    }

    #[test]
    fn what_is_worse_is_named_and_how_to_accept_it() {
        let file = record("1.95.0", 100);
        judge(&file, &record("1.95.0", 100)).unwrap();
        judge(&file, &record("1.95.0", 99)).unwrap();
        let error = judge(&file, &record("1.95.0", 110)).unwrap_err().to_string();
        assert!(error.contains("thumbv7m 3 64 A hit: sum: 100, now 110 (+10.0 %)"), "{error}");
        assert!(error.contains("cargo xtask bench-mcu --update"), "{error}");
        assert!(!error.contains("rustc"), "{error}");
        let error = judge(&file, &record("1.96.0", 110)).unwrap_err().to_string();
        assert!(error.contains("rustc 1.95.0, and this is 1.96.0"), "{error}");
    }

    #[test]
    fn the_boards_are_there() {
        CORES.iter().for_each(|(_, triple, name)| assert!(board(name, triple).is_ok(), "{name}"));
    }
}
