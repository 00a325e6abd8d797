//! `cargo xtask demo`: builds the firmware for a board, plays a log to it under QEMU, and compares its cache with the
//! host's.

use std::io::{BufRead, BufReader, IsTerminal, Write, stdout};
use std::path::Path;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::boards::HARMLESS;
use crate::canlog::CanLog;
use crate::cmd::{Cmd, root, shown};
use crate::{matrix, setup};

pub mod compare;
pub mod masked;

/// The log that is shipped.
pub const LOG: &str = "thumbv7-demo/log/drive.log";

/// How wide a line may be that the demo prints.
const COLUMNS: usize = 80;

/// Where the firmware runs.
#[derive(Clone, Copy, ValueEnum)]
pub enum Board {
    /// A Cortex-M3 with 64 KiB of RAM: the maps are on a heap, `SyncMap`
    Lm3s6965evb,
    /// A Cortex-M0 with 16 KiB of RAM and no compare-and-swap: there is no heap, `FixedMap`
    Microbit,
}

impl Board {
    pub fn target(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => matrix::DEMO,
            Self::Microbit => matrix::WITHOUT_CAS,
        }
    }

    /// -icount lets interrupts land on any instruction: each lasts a tick of the board's clock, or a little longer.
    fn machine(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => "-M lm3s6965evb -icount shift=7",
            Self::Microbit => "-M microbit -icount shift=6",
        }
    }

    /// UART0 is fed from standard input.
    fn qemu(self) -> Cmd {
        Cmd::new(&format!(
            "qemu-system-arm {} -nographic -monitor none -chardev stdio,id=log -serial chardev:log \
             -semihosting-config enable=on,target=native",
            self.machine()
        ))
    }

    fn elf(self) -> String {
        format!("thumbv7-demo/target/{}/release/thumbv7-demo", self.target())
    }
}

/// Runs the demo on `board`, with `file` or the shipped log.
pub fn run(board: Board, file: Option<&Path>) -> Result<()> {
    let path = file.map_or_else(|| root().join(LOG), Path::to_owned);
    let log = std::fs::read(&path).with_context(|| format!("cannot read the log {}", path.display()))?;
    setup::targets(&[board.target()])?;
    setup::qemu("qemu-system-arm")?;
    let build = Cmd::new("cargo build --release --target-dir target --target").args([board.target()]);
    build.dir("thumbv7-demo").run()?;
    let start = Instant::now();
    let (status, printed) = play(board, &path, log.clone())?;
    let seconds = start.elapsed().as_secs_f64();
    match status.code() {
        Some(0) => {}
        Some(1) => bail!("the firmware's own checks failed, as its last lines tell"),
        _ => bail!("the firmware did not end well ({status})"),
    }
    let host = CanLog::read(&log);
    check_cache(&host, &printed.dump)?;
    if let Some(line) = printed.too_wide {
        bail!("a line is wider than {COLUMNS} columns: {line}");
    }
    if host.frames == 0 && host.malformed > 0 {
        println!("\nnote: no line of the log is a frame in the format of `candump -l`");
    }
    let identifiers = host.kept.len();
    println!("\ndemo: ok: cache equals the host's: {identifiers} identifiers, all fields ({seconds:.1} s)");
    Ok(())
}

/// An error unless the firmware's dump is what the host makes of the same log.
fn check_cache(host: &CanLog, dump: &[String]) -> Result<()> {
    match host.first_difference(&CanLog::from_dump(dump)?) {
        Some(difference) => bail!("the firmware's cache is not the host's: {difference}"),
        None => Ok(()),
    }
}

/// Plays `log` to the firmware, and shows what it prints.
fn play(board: Board, path: &Path, log: Vec<u8>) -> Result<(ExitStatus, Printed)> {
    // A minute for each megabyte, besides: QEMU feeds the UART some 50 to 100 KB in a second.
    let limit = Duration::from_secs(60 + log.len() as u64 * 60 / 1_000_000);
    let progress = if stdout().is_terminal() { " progress" } else { "" };
    let arguments = format!("bytes={} dump{progress}", log.len());
    let command = board.qemu().args(["-append", &arguments, "-kernel", &board.elf()]);
    command.show(&format!("{{ echo; cat {}; }} | ", shown(path)));
    let mut qemu = command
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run qemu-system-arm")?;
    let lines = start_pipes(&mut qemu, log)?;
    let printed = follow(&lines, Instant::now() + limit);
    if printed.is_none() {
        qemu.kill().context("cannot end QEMU")?;
    }
    let status = qemu.wait().context("cannot wait for QEMU")?;
    let printed = printed.with_context(|| format!("no end after {} s: a hang is a failure", limit.as_secs()))?;
    Ok((status, printed))
}

/// Feeds QEMU, filters its complaints, and passes on the lines it prints.
fn start_pipes(qemu: &mut Child, log: Vec<u8>) -> Result<Receiver<String>> {
    let (Some(stdin), Some(stdout), Some(stderr)) = (qemu.stdin.take(), qemu.stdout.take(), qemu.stderr.take()) else {
        bail!("QEMU has no pipes");
    };
    // If QEMU ends early its status tells why; the broken pipe does not matter.
    thread::spawn(move || drop(feed(stdin, &log)));
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line != HARMLESS {
                eprintln!("{line}");
            }
        }
    });
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            // Fails only when nobody listens any longer.
            let _ = sender.send(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    });
    Ok(lines)
}

/// The newline is the character that the UART's start waits for, and drops.
fn feed(mut uart: ChildStdin, log: &[u8]) -> std::io::Result<()> {
    uart.write_all(b"\n")?;
    uart.write_all(log)
}

/// What the firmware printed that matters to the host.
#[derive(Default)]
struct Printed {
    dump: Vec<String>,
    too_wide: Option<String>,
}

/// Shows all but the dump; `None` if there is no end by the deadline.
fn follow(lines: &Receiver<String>, deadline: Instant) -> Option<Printed> {
    let (mut printed, mut in_dump) = (Printed::default(), false);
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line == "--- dump" => in_dump = true,
            Ok(line) if line == "--- end of dump" => in_dump = false,
            Ok(line) if in_dump => printed.dump.push(line),
            Ok(line) => match line.strip_prefix("--- played ") {
                Some(progress) => show(progress),
                None => {
                    show("");
                    println!("{line}");
                    if line.chars().count() > COLUMNS {
                        printed.too_wide.get_or_insert(line);
                    }
                }
            },
            Err(RecvTimeoutError::Disconnected) => return Some(printed),
            Err(RecvTimeoutError::Timeout) => return None,
        }
    }
}

/// On a terminal, the line that tells how far the log is: the next one takes its place.
fn show(progress: &str) {
    let mut out = stdout();
    if out.is_terminal() {
        // It only informs: if it can't be written, what follows can't either.
        let _ = write!(out, "\r\x1b[K{progress}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dump_and_progress_are_not_shown_and_wide_lines_are_told() {
        let (sender, lines) = channel();
        let wide = "x".repeat(COLUMNS + 1);
        let fine = "°".repeat(COLUMNS);
        for line in [&*fine, "--- played 1 %", &wide, "--- dump", &wide, "id", "--- end of dump"] {
            sender.send(line.to_owned()).unwrap();
        }
        drop(sender);
        let printed = follow(&lines, Instant::now() + Duration::from_secs(9)).unwrap();
        assert_eq!((printed.dump, printed.too_wide), (vec![wide.clone(), "id".to_owned()], Some(wide)));
    }
}
