//! Figures, the file that they are committed in, and what became worse.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// By their names. Less is better, of each.
pub type Figures = BTreeMap<String, u64>;

/// By their names: words with blanks between.
pub type Rows = BTreeMap<String, Figures>;

/// The number of operations: not better or worse, but another workload.
const OPERATIONS: &str = "operations";

/// What the file has.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// The compiler's version: another one may make other code.
    pub rustc: String,
    pub rows: Rows,
}

impl Record {
    pub fn parse(text: &str) -> Result<Self> {
        let file: Value = serde_json::from_str(text)?;
        let rustc = file["rustc"].as_str().context("no compiler's version")?.to_owned();
        let figures = |(row, figures): (&String, &Value)| {
            let figures = figures.as_object().with_context(|| format!("{row} has no figures"))?;
            let figure = |(name, value): (&String, &Value)| {
                let value = value.as_u64().with_context(|| format!("{row}: {name} is not a number"))?;
                Ok((name.clone(), value))
            };
            Ok((row.clone(), figures.iter().map(figure).collect::<Result<_>>()?))
        };
        let rows = file["rows"].as_object().context("no rows")?.iter().map(figures).collect::<Result<_>>()?;
        Ok(Self { rustc, rows })
    }

    /// A row a line, sorted, so that a difference between two files says what changed.
    pub fn text(&self) -> String {
        let row = |(name, figures): (&String, &Figures)| format!("    {}: {}", json!(name), json!(figures));
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        format!("{{\n  \"rustc\": {},\n  \"rows\": {{\n{}\n  }}\n}}\n", json!(self.rustc), rows.join(",\n"))
    }
}

/// How what was measured differs from the file, a line each.
#[derive(Debug, Default, PartialEq)]
pub struct Differences {
    /// These must not be.
    pub worse: Vec<String>,
    pub better: Vec<String>,
}

pub fn compare(file: &Rows, measured: &Rows) -> Differences {
    let mut differences = Differences::default();
    for (row, figures) in measured {
        for (name, &new) in figures {
            match file.get(row).and_then(|figures| figures.get(name)) {
                None => differences.worse.push(format!("{row}: {name}: not in the file, now {new}")),
                Some(&old) if old == new => {}
                Some(&old) if name == OPERATIONS => {
                    differences.worse.push(format!("{row}: {name}: {old}, now {new}: another workload"));
                }
                Some(&old) => {
                    let percent = (new as f64 - old as f64) / (old.max(1) as f64) * 100.0;
                    let line = format!("{row}: {name}: {old}, now {new} ({percent:+.1} %)");
                    if new > old { differences.worse.push(line) } else { differences.better.push(line) }
                }
            }
        }
    }
    for (row, figures) in file {
        for name in figures.keys().filter(|name| !measured.get(row).is_some_and(|row| row.contains_key(*name))) {
            let line = format!("{row}: {name}: in the file, but not measured");
            // An operation that calls the allocator no longer has none of its figures.
            if measured.contains_key(row) { differences.better.push(line) } else { differences.worse.push(line) }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(&str, &[(&str, u64)])]) -> Rows {
        let figures = |figures: &[(&str, u64)]| figures.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        rows.iter().map(|&(row, of)| (row.to_owned(), figures(of))).collect()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let rows = rows(&[("a hit", &[("sum", 10), ("worst", 4)]), ("b flash", &[("bytes", 1)])]);
        let record = Record { rustc: "1.95.0".to_owned(), rows };
        let text = record.text();
        assert!(text.contains("\n    \"a hit\": {\"sum\":10,\"worst\":4},\n"), "{text}");
        assert_eq!(Record::parse(&text).unwrap(), record);
        assert!(Record::parse(&text.replace("10", "-1")).is_err());
        assert!(Record::parse("{}").is_err());
    }

    #[test]
    fn more_is_worse_and_less_is_better() {
        let old = rows(&[("a", &[("operations", 2), ("sum", 100), ("worst", 60)])]);
        assert_eq!(compare(&old, &old), Differences::default());
        let differences = compare(&old, &rows(&[("a", &[("operations", 2), ("sum", 101), ("worst", 54)])]));
        assert_eq!(differences.worse, ["a: sum: 100, now 101 (+1.0 %)"]);
        assert_eq!(differences.better, ["a: worst: 60, now 54 (-10.0 %)"]);
        let differences = compare(&old, &rows(&[("a", &[("operations", 1), ("sum", 100), ("worst", 60)])]));
        assert_eq!(differences.worse, ["a: operations: 2, now 1: another workload"]);
    }

    #[test]
    fn the_file_has_the_rows_that_are_measured() {
        let (both, one) = (rows(&[("a", &[("x", 1)]), ("b", &[("y", 1)])]), rows(&[("a", &[("x", 1)])]));
        assert_eq!(compare(&one, &both).worse, ["b: y: not in the file, now 1"]);
        assert_eq!(compare(&both, &one).worse, ["b: y: in the file, but not measured"]);
        let with_allocator = rows(&[("a", &[("allocator_calls", 1), ("x", 1)])]);
        assert_eq!(compare(&with_allocator, &one).better, ["a: allocator_calls: in the file, but not measured"]);
    }
}
