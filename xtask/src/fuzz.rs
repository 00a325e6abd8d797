//! The fuzz targets, under libFuzzer and AddressSanitizer: one on each core, for a limited time.

use std::fs;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::cmd::{Cmd, root};
use crate::setup;

const TARGETS: [&str; 2] = ["sequences", "faults"];
/// Of executions, a second: fewer say nothing. A slow machine does some hundred.
const LEAST: u64 = 30;
/// The longest input, in bytes: some hundred steps.
const LONGEST: usize = 400;

pub fn run(seconds: u32) -> Result<()> {
    setup::nightly()?;
    setup::subcommand("fuzz")?;
    Cmd::new("cargo +nightly fuzz build").run()?;
    let results = thread::scope(|scope| {
        let runs = TARGETS.map(|target| scope.spawn(move || run_target(target, seconds)));
        runs.map(|run| run.join().expect("a thread panicked"))
    });
    let failures: Vec<String> = results.into_iter().filter_map(|result| Some(format!("{:#}", result.err()?))).collect();
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("\n")) }
}

fn run_target(target: &str, seconds: u32) -> Result<()> {
    // What is found goes to the first folder; the second one is read.
    let (found, corpus) = (format!("target/fuzz/{target}"), format!("fuzz/corpus/{target}"));
    fs::create_dir_all(root().join(&found)).with_context(|| format!("cannot make {found}"))?;
    let fuzz = Cmd::new(&format!("cargo +nightly fuzz run {target} {found} {corpus} --"))
        .args([format!("-max_total_time={seconds}"), format!("-max_len={LONGEST}")])
        .args(["-len_control=0", "-timeout=60", "-print_final_stats=1"]);
    fuzz.show("");
    let output = fuzz.output()?;
    let printed = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        println!("{printed}");
        let repeat = artifact(&printed).map_or_else(String::new, |artifact| {
            format!(": {artifact} does it; to repeat it: cargo +nightly fuzz run {target} {artifact}")
        });
        bail!("{target} failed{repeat}");
    }
    let executions = executions(&printed).ok_or_else(|| anyhow!("{target} printed no statistics:\n{printed}"))?;
    println!("{target}: {executions} executions in {seconds} s{}", coverage(&printed).unwrap_or_default());
    let least = LEAST * u64::from(seconds);
    if executions < least {
        bail!("{target}: {executions} executions are too few to say anything; there have to be {least}");
    }
    Ok(())
}

/// Of libFuzzer's final statistics.
fn executions(printed: &str) -> Option<u64> {
    let line = printed.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    line.trim().parse().ok()
}

/// The input that failed, as libFuzzer has written it, from the repository's root.
fn artifact(printed: &str) -> Option<&str> {
    let path = printed.lines().find_map(|line| line.split_once("Test unit written to "))?.1;
    path.find("fuzz/artifacts/").map(|start| &path[start..])
}

/// How much of the code was reached, of libFuzzer's last line.
fn coverage(printed: &str) -> Option<String> {
    let done = printed.lines().find(|line| line.contains("DONE "))?;
    let edges = done.split_once("cov: ")?.1.split(' ').next()?;
    Some(format!(", {edges} edges reached"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
        #8813	DONE   cov: 7828 ft: 40142 corp: 1632/63Kb lim: 400 exec/s: 214 rss: 362Mb\n\
        artifact_prefix='/a/fuzz/artifacts/faults/'; Test unit written to /a/fuzz/artifacts/faults/crash-0f\n\
        stat::number_of_executed_units: 8813\n";

    #[test]
    fn libfuzzers_output_is_understood() {
        assert_eq!(executions(PRINTED), Some(8813));
        assert_eq!(artifact(PRINTED), Some("fuzz/artifacts/faults/crash-0f"));
        assert_eq!(coverage(PRINTED).as_deref(), Some(", 7828 edges reached"));
        assert_eq!((executions("ERROR"), artifact("ERROR")), (None, None));
    }
}
