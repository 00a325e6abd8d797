//! One round after the other, and what comes out of all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::figures::Figure;
use super::{FOLDER, GO_FOLDER, Programs, criterion_home};
use crate::cmd::Cmd;

/// What the programs without criterion measure.
const INSERTS: [&str; 3] = ["Growth", "WorstInsert", "RareInsert"];
const MEMORY: [&str; 1] = ["Memory65536"];

const GO: &str = "Go sync.Map";

/// Every round's value, by shape, threads, subject and unit.
#[derive(Default)]
pub struct Values(BTreeMap<(String, u32, String, String), Vec<f64>>);

impl Values {
    /// Goes one more round.
    pub fn add(&mut self, programs: &Programs, words: &[String]) -> Result<()> {
        let any = words.join("|");
        let home = criterion_home(&programs.shapes);
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
        }
        let shapes = Cmd::program(&programs.shapes).args(["--bench", "--quiet"]);
        let shapes = if any.is_empty() { shapes } else { shapes.args([format!("^[^/]*({any})")]) };
        let shapes = shapes.env("CRITERION_HOME", &home.to_string_lossy()).dir(FOLDER);
        shapes.show("");
        shapes.read_all()?;
        if home.exists() {
            self.add_criterion(&home)?;
        }
        let wanted = |names: &[&str]| {
            words.is_empty() || names.iter().any(|name| words.iter().any(|word| name.contains(word.as_str())))
        };
        for (program, names) in [(&programs.inserts, INSERTS.as_slice()), (&programs.memory, &MEMORY)] {
            if wanted(names) {
                let program = Cmd::program(program).dir(FOLDER);
                program.show("");
                self.add_lines(&program.read()?)?;
            }
        }
        if programs.go {
            let pattern = if any.is_empty() { "." } else { &any };
            let go = Cmd::new("go test -run ^$ -cpu 1,2 -benchtime 100ms -bench").args([pattern]).dir(GO_FOLDER);
            go.show("");
            self.add_go(&go.read()?);
        }
        Ok(())
    }

    fn add_one(&mut self, shape: &str, threads: u32, subject: &str, unit: &str, value: f64) {
        self.0.entry((shape.into(), threads, subject.into(), unit.into())).or_default().push(value);
    }

    /// Everything below `folder` that criterion estimated.
    fn add_criterion(&mut self, folder: &Path) -> Result<()> {
        let files = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for file in files {
            let path = file?.path();
            if path.ends_with("new") {
                let (id, estimates) = (json(&path.join("benchmark.json"))?, json(&path.join("estimates.json"))?);
                let read = || {
                    let threads = id["value_str"].as_str()?.parse().ok()?;
                    let median = estimates["median"]["point_estimate"].as_f64()?;
                    Some((id["group_id"].as_str()?, threads, id["function_id"].as_str()?, median))
                };
                let (shape, threads, subject, median) =
                    read().with_context(|| format!("{} is not as criterion writes it", path.display()))?;
                self.add_one(shape, threads, subject, "ns", median);
            } else if path.is_dir() {
                self.add_criterion(&path)?;
            }
        }
        Ok(())
    }

    /// What a program of `src/bin` printed.
    fn add_lines(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines() {
            let figure: Value = serde_json::from_str(line).with_context(|| format!("no figure: {line}"))?;
            let text = |key: &str| figure[key].as_str().unwrap_or_default();
            let threads = figure["threads"].as_u64().context("no number of threads")?;
            let value = figure["value"].as_f64().context("no value")?;
            self.add_one(text("shape"), threads as u32, text("subject"), text("unit"), value);
        }
        Ok(())
    }

    /// What `go test` printed.
    fn add_go(&mut self, lines: &str) {
        for line in lines.lines() {
            if let Some((shape, threads, value)) = go_figure(line) {
                self.add_one(shape, threads, GO, "ns", value);
            }
        }
    }

    pub fn into_figures(self) -> Vec<Figure> {
        let figure = |((shape, threads, subject, unit), mut values): (_, Vec<f64>)| {
            values.sort_by(f64::total_cmp);
            let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
            let spread = (values[values.len() - 1] - values[0]) / median;
            Figure { shape, threads, subject, median, unit, spread, rounds: values.len() }
        };
        self.0.into_iter().map(figure).collect()
    }
}

/// Of a line such as `BenchmarkRange-2  18741  5405 ns/op`; with one thread, there is no number after the name.
fn go_figure(line: &str) -> Option<(&str, u32, f64)> {
    let mut words = line.strip_prefix("Benchmark")?.split_whitespace();
    let name = words.next()?;
    let (shape, threads) = name.split_once('-').unwrap_or((name, "1"));
    let value = words.nth(1)?.parse().ok()?;
    (words.next() == Some("ns/op")).then_some((shape, threads.parse().ok()?, value))
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_what_go_prints() {
        let mut values = Values::default();
        values.add_go(
            "goos: linux\nBenchmarkRange   \t 2  \t 17803 ns/op\nBenchmarkRange-2 \t 3 \t 7962.5 ns/op\nPASS\n",
        );
        let found: Vec<_> = values.into_figures().into_iter().map(|figure| (figure.threads, figure.median)).collect();
        assert_eq!(found, [(1, 17_803.0), (2, 7_962.5)]);
    }

    #[test]
    fn the_middle_of_the_rounds_counts() {
        let mut values = Values::default();
        for value in [3.0, 1.0, 2.0, 9.0] {
            values
                .add_lines(&format!(r#"{{"shape":"A","threads":1,"subject":"B","unit":"ns","value":{value}}}"#))
                .unwrap();
        }
        let figures = values.into_figures();
        assert_eq!((figures[0].median, figures[0].spread, figures[0].rounds), (2.5, 3.2, 4));
    }
}
