//! Runs an image of tests under QEMU. Where a test fails or hangs, the image cannot go on: it is
//! started again, with the next test.

use std::io::{self, Read};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::boards::{Board, HARMLESS};
use crate::cmd::Cmd;
use crate::target::Suite;

/// A test that prints nothing for so long hangs. All of an image takes some 20 s on a fast
/// machine, and most tests less than 1 s.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of an image's tests.
pub struct Report {
    pub passed: usize,
    /// The names.
    pub failed: Vec<String>,
    pub time: Duration,
    /// What was printed.
    pub output: String,
}

/// Runs the tests of `image`, with arguments that on-target/src/harness.rs explains.
pub fn run(board: &Board, suite: &Suite, image: &str, arguments: &[String]) -> Result<Report> {
    let start = Instant::now();
    let mut report = Report { passed: 0, failed: Vec::new(), time: Duration::ZERO, output: String::new() };
    loop {
        let from = report.passed + report.failed.len();
        let run =
            start_once(board, suite, image, &format!("--from {from} {}", arguments.join(" ")), &mut report.output)?;
        report.passed += run.passed;
        let in_a_test = run.unfinished.is_some().then(|| "the image ended in the midst of a test".to_owned());
        let Some(end) = run.end.or(in_a_test) else { break };
        report.output += &format!("({end})\n");
        let Some(name) = run.unfinished else {
            bail!("no test was running, and {end}; it printed:\n{}", report.output)
        };
        report.failed.push(name);
    }
    report.time = start.elapsed();
    Ok(report)
}

/// What came of one run of an image.
struct Run {
    passed: usize,
    /// The test that was running at the end.
    unfinished: Option<String>,
    /// How it ended, unless well.
    end: Option<String>,
}

fn start_once(board: &Board, suite: &Suite, image: &str, arguments: &str, output: &mut String) -> Result<Run> {
    let before = output.len();
    let end = to_the_end(board.run(suite.clock, suite.cores, image, arguments), output)?;
    let (passed, unfinished) = results(&output[before..]);
    Ok(Run { passed, unfinished, end })
}

/// Runs QEMU until its image ends, or hangs. Returns how, unless well.
pub fn to_the_end(command: Cmd, output: &mut String) -> Result<Option<String>> {
    *output += &format!("$ {command}\n");
    let mut printed = Vec::new();
    let end = raw(command, &mut printed, output);
    *output += &String::from_utf8_lossy(&printed);
    end
}

/// The same, of an image that prints something else than text. `notes` receives what QEMU itself says.
pub fn raw(command: Cmd, printed: &mut Vec<u8>, notes: &mut String) -> Result<Option<String>> {
    let mut qemu = command
        .into_command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run QEMU")?;
    let (Some(stdout), Some(stderr)) = (qemu.stdout.take(), qemu.stderr.take()) else { bail!("QEMU has no pipes") };
    let complaints = thread::spawn(move || io::read_to_string(stderr));
    let in_time = follow(&read(stdout), printed);
    if !in_time {
        qemu.kill().context("cannot end QEMU")?;
    }
    let status = qemu.wait().context("cannot wait for QEMU")?;
    if let Ok(Ok(complaints)) = complaints.join() {
        complaints.lines().filter(|line| *line != HARMLESS).for_each(|line| *notes += &format!("{line}\n"));
    }
    Ok(if !in_time {
        Some(format!("it hangs: no sign of life for {} s", PATIENCE.as_secs()))
    } else if status.success() {
        None
    } else {
        Some(format!("the image ended: {status}"))
    })
}

/// Passes on what is printed, as it comes.
fn read(mut stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, pieces) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stdout.read(&mut buffer) {
            // Fails only when nobody listens any longer.
            let _ = sender.send(buffer[..length].to_vec());
        }
    });
    pieces
}

/// Until the end; `false` if that takes too long.
fn follow(pieces: &Receiver<Vec<u8>>, printed: &mut Vec<u8>) -> bool {
    loop {
        match pieces.recv_timeout(PATIENCE) {
            Ok(piece) => printed.extend(piece),
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

/// How many tests passed, and which one was begun after these.
fn results(output: &str) -> (usize, Option<String>) {
    let (mut passed, mut unfinished) = (0, None);
    for line in output.lines() {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else {
            continue;
        };
        if result == "ok" {
            passed += 1;
            unfinished = None;
        } else {
            unfinished = Some(name.to_owned());
        }
    }
    (passed, unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_what_an_image_prints() {
        assert_eq!(results(""), (0, None));
        assert_eq!(results("test a ... ok\ntest b::c ... \n    a figure\ntest b::c ... ok\n"), (2, None));
        assert_eq!(results("test a ... ok\ntest b ... FAILED\npanicked at x\n"), (1, Some("b".to_owned())));
        assert_eq!(results("test a ... ok\ntest b ... "), (1, Some("b".to_owned())));
    }
}
