//! Runs the steps, some at a time, and says how each ended.

use std::io::{Read, pipe};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{Effort, Outcome, STEPS, Step};
use crate::chosen;
use crate::cmd::Cmd;

/// The steps that take longest, which are begun first: the two that run at the same time then end at about the same
/// time. Neighbours have target folders of their own, and do not wait for each other's: `clippy` has one with `host`, and
/// another one with `examples`.
const FIRST: &[&str] = &[
    "target",
    "loom",
    "package",
    "miri",
    "host",
    "sanitizers",
    "clippy",
    "fuzz",
    "examples",
    "bench-mcu",
    "consumer",
    "shuttle",
    "mutants",
    "no-panic",
    "faults",
    "demo",
];
const AT_A_TIME: usize = 2;

struct Run {
    name: &'static str,
    result: Result<Outcome>,
    seconds: f64,
}

/// Runs the steps named in `only`, or all; goes on after one that failed.
pub fn run(long: bool, only: &[String]) -> ExitCode {
    let start = Instant::now();
    let mut steps: Vec<_> = STEPS.iter().filter(|step| chosen(only, step.name)).collect();
    let runs = if let [step] = *steps {
        vec![run_here(step, long)]
    } else {
        steps.sort_by_key(|step| FIRST.iter().position(|name| *name == step.name).unwrap_or(FIRST.len()));
        run_all(&steps, long)
    };
    summary(&runs, start.elapsed().as_secs_f64(), long)
}

fn run_here(step: &Step, long: bool) -> Run {
    println!("\n=== {}: {}", step.name, step.about);
    let start = Instant::now();
    let result = (step.run)(Effort { long });
    let seconds = start.elapsed().as_secs_f64();
    match &result {
        Ok(Outcome::Passed) => println!("=== {}: passed in {seconds:.1} s", step.name),
        Ok(Outcome::Skipped(reason)) => println!("{}{reason}", skipped(step)),
        Err(error) => println!("=== {}: FAILED in {seconds:.1} s: {error:#}", step.name),
    }
    Run { name: step.name, result, seconds }
}

fn skipped(step: &Step) -> String {
    format!("=== {}: skipped: ", step.name)
}

/// Runs some at a time, each as a process of its own, whose output comes at its end.
fn run_all(steps: &[&Step], long: bool) -> Vec<Run> {
    let (next, runs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(step) = steps.get(next.fetch_add(1, Relaxed)) {
                    println!("... {}", step.name);
                    let start = Instant::now();
                    let result = run_apart(step, long);
                    let run = Run { name: step.name, result, seconds: start.elapsed().as_secs_f64() };
                    runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
                }
            });
        }
    });
    runs.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_apart(step: &Step, long: bool) -> Result<Outcome> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let task = Cmd::program(&this.to_string_lossy()).args(["test", "--only", step.name]);
    let task = if long { task.args(["--long"]) } else { task };
    let (mut output, pipe) = pipe().context("no pipe")?;
    let mut command = task.into_command();
    command.stdin(Stdio::null()).stdout(pipe.try_clone().context("no pipe")?).stderr(pipe);
    let mut child = command.spawn().context("cannot run it")?;
    drop(command); // And the pipe's ends in it.
    let mut printed = Vec::new();
    output.read_to_end(&mut printed).context("cannot read what it prints")?;
    let status = child.wait().context("cannot wait for it")?;
    let printed = String::from_utf8_lossy(&printed);
    let (shown, _summary) = printed.split_once(&heading()).unwrap_or((&printed, ""));
    print!("{shown}");
    let reason = shown.lines().find_map(|line| line.strip_prefix(&skipped(step)));
    match reason {
        _ if !status.success() => bail!("as it says above"),
        Some(reason) => Ok(Outcome::Skipped(reason.to_owned())),
        None => Ok(Outcome::Passed),
    }
}

fn heading() -> String {
    format!("\n{:12} {:8} {:>8}\n", "step", "result", "seconds")
}

fn summary(runs: &[Run], seconds: f64, long: bool) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    print!("{}", heading());
    for Run { name, result, seconds } in runs {
        let (shown, count, more) = match result {
            Ok(Outcome::Passed) => ("passed", &mut passed, String::new()),
            Ok(Outcome::Skipped(reason)) => ("skipped", &mut skipped, format!("  {reason}")),
            Err(_) => (
                "FAILED",
                &mut failed,
                format!("  cargo xtask test --only {name}{}", if long { " --long" } else { "" }),
            ),
        };
        *count += 1;
        println!("{name:12} {shown:8} {seconds:8.1}{more}");
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; \
         0 filtered out; finished in {seconds:.2}s"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    #[test]
    fn what_comes_first_is_there() {
        assert!(FIRST.iter().all(|name| names().contains(name)));
    }
}
