//! `cargo xtask demo`: builds the firmware for a board, plays a log to it under QEMU, and compares its cache with the
//! host's.

use std::io::{BufRead, BufReader, Write};
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

/// The log that is shipped.
pub const LOG: &str = "thumbv7-demo/log/drive.log";

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
    let (status, dump) = play(board, &path, log.clone())?;
    let seconds = start.elapsed().as_secs_f64();
    match status.code() {
        Some(0) => {}
        Some(1) => bail!("the firmware's own checks failed, as its last lines tell"),
        _ => bail!("the firmware did not end well ({status})"),
    }
    let host = CanLog::read(&log);
    if let Some(difference) = host.first_difference(&CanLog::from_dump(&dump)?) {
        bail!("the firmware's cache is not the host's: {difference}");
    }
    if host.frames == 0 && host.malformed > 0 {
        println!("\nnote: no line of the log is a frame in the format of `candump -l`");
    }
    let identifiers = host.kept.len();
    println!("\ndemo: ok: cache equals the host's: {identifiers} identifiers, all fields ({seconds:.1} s)");
    Ok(())
}

/// Plays `log` to the firmware, shows what it prints, and returns its dump.
fn play(board: Board, path: &Path, log: Vec<u8>) -> Result<(ExitStatus, Vec<String>)> {
    // A minute for each megabyte, besides: QEMU feeds the UART some 50 to 100 KB in a second.
    let limit = Duration::from_secs(60 + log.len() as u64 * 60 / 1_000_000);
    let command = board.qemu().args(["-append", &format!("bytes={} dump", log.len()), "-kernel", &board.elf()]);
    command.show(&format!("{{ echo; cat {}; }} | ", shown(path)));
    let mut qemu = command
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run qemu-system-arm")?;
    let lines = start_pipes(&mut qemu, log)?;
    let dump = follow(&lines, Instant::now() + limit);
    if dump.is_none() {
        qemu.kill().context("cannot end QEMU")?;
    }
    let status = qemu.wait().context("cannot wait for QEMU")?;
    let dump = dump.with_context(|| format!("no end after {} s: a hang is a failure", limit.as_secs()))?;
    Ok((status, dump))
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

/// Prints all but the dump, which is returned; `None` if there is no end by the deadline.
fn follow(lines: &Receiver<String>, deadline: Instant) -> Option<Vec<String>> {
    let (mut dump, mut in_dump) = (Vec::new(), false);
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line == "--- dump" => in_dump = true,
            Ok(line) if line == "--- end of dump" => in_dump = false,
            Ok(line) if in_dump => dump.push(line),
            Ok(line) => println!("{line}"),
            Err(RecvTimeoutError::Disconnected) => return Some(dump),
            Err(RecvTimeoutError::Timeout) => return None,
        }
    }
}
