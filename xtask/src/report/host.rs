//! The section on hosts, of benches/host.json.

use anyhow::Result;

use super::charts::{Bars, Chart};
use super::{FOLDER, Section, aims, markdown};
use crate::bench_host::{Figure, Host, SHAPES, SUBJECTS, read, shown};

const ABOUT: &str = "\
Nanoseconds for an operation, by the clock on the wall: the time from the first operation to the last one, through the
number of operations of all threads together. So two threads that don't disturb each other take half of what one takes.
The median of several rounds. What a round counts is the median of ten samples; of `Growth`, `WorstInsert` and `RareInsert`
the least of three; of Go the mean, as Go has it, so that Go does a little worse than by the others' rule. Pinned: one pin for up to 1024 operations; else every call pins by itself. All Rust maps
hash with the same `FxBuildHasher`; keys and values are `u64`, in Go `int` in an `any`. A dash: not measured, because
there is no such operation, or only one thread or one writer fits. (Of `bare`, which is hashbrown's map by itself, the
compiler leaves out what it sees to be useless.) `~`: the rounds were apart by more than half of that, because the machine
was busy with something else or the threads met differently.

`cargo xtask bench-host` measures it again: [benches/host](../benches/host), [benches/go](../benches/go).
";

/// Files, shapes and titles.
const CHARTS: [(&str, &str, &str); 3] = [
    ("hits.svg", "Hits64", "Lookup of a key that is there"),
    ("overwrite.svg", "OverwriteHalves", "Overwriting, each thread keys of its own"),
    ("worst-insert.svg", "WorstInsert", "The longest of 1,048,576 inserts"),
];

/// Tables and charts, if there is something to show.
pub fn section() -> Result<Option<Section>> {
    let Some(host) = read()? else {
        println!("without what was measured on a host: cargo xtask bench-host");
        return Ok(None);
    };
    let mut text = format!("## On a host\n\n{}\n{ABOUT}\n", machine(&host));
    let mut files = Vec::new();
    for (file, shape, title) in CHARTS {
        let bars = bars(&host.figures, shape);
        if !bars.is_empty() {
            let chart = Chart { title, series: &["1 thread", "2 threads"], bars, shown: short };
            files.push((format!("{FOLDER}/{file}"), chart.draw()?));
            text += &format!("![{title}]({file})\n\n");
        }
    }
    for threads in [1, 2] {
        let title = if threads == 1 { "One thread" } else { "Two threads" };
        text += &format!("### {title}\n\n{}\n", table(&host.figures, threads));
    }
    text += &format!("{}\n### The shapes\n\n", aims::section(&host.figures));
    for shape in &SHAPES {
        text += &format!("- `{}`: {}\n", shape.name, shape.about);
    }
    Ok(Some(Section { text, files }))
}

fn machine(host: &Host) -> String {
    let list = |(name, value): (&String, &String)| format!("{name} {value}");
    let crates: Vec<_> = host.crates.iter().map(list).collect();
    let of = |key: &str| host.machine.get(key).map_or("?", String::as_str);
    let go = host.machine.get("go").map(|go| format!("; {go}")).unwrap_or_default();
    format!("{}, {} cores; {}{go}; {}.\n", of("processor"), of("cores"), of("rustc"), crates.join(", "))
}

fn table(figures: &[Figure], threads: u32) -> String {
    let header: Vec<_> = ["shape"].iter().chain(&SUBJECTS).map(|&title| title.to_owned()).collect();
    let row = |shape: &str| {
        let find = |subject: &str| {
            figures.iter().find(|f| f.shape == shape && f.threads == threads && f.subject == subject).map(cell)
        };
        let cells = SUBJECTS.map(find);
        cells.iter().any(Option::is_some).then(|| {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or("-".to_owned()));
            [format!("`{shape}`")].into_iter().chain(cells).collect()
        })
    };
    markdown(&header, &SHAPES.iter().filter_map(|shape| row(shape.name)).collect::<Vec<_>>())
}

fn cell(figure: &Figure) -> String {
    let mark = if figure.spread > 0.5 { "~" } else { "" };
    format!("{mark}{}", shown(figure))
}

/// A map each, in the order of the tables.
fn bars(figures: &[Figure], shape: &str) -> Vec<Bars> {
    let bars = |subject: &&'static str| {
        let of_threads = |threads| {
            figures
                .iter()
                .find(|f| f.shape == shape && f.subject == **subject && f.threads == threads)
                .map(|f| f.median)
        };
        let values = [1, 2].map(of_threads).to_vec();
        values.iter().any(Option::is_some).then(|| Bars { name: (*subject).to_owned(), values })
    };
    SUBJECTS.iter().filter_map(bars).collect()
}

fn short(ns: f64) -> String {
    match ns {
        ns if ns >= 1e6 => format!("{:.1} ms", ns / 1e6),
        ns if ns >= 1e4 => format!("{:.0} µs", ns / 1e3),
        ns if ns >= 100.0 => format!("{ns:.0} ns"),
        0.0 => "0".to_owned(),
        ns => format!("{ns:.1} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncertain_figure_is_marked() {
        let [shape, subject, unit] = ["Churn", "scc", "ns"].map(str::to_owned);
        let mut figure = Figure { shape, threads: 1, subject, median: 23.4, unit, spread: 0.2, rounds: 3 };
        assert_eq!(cell(&figure), "23.4");
        figure.spread = 0.6;
        assert_eq!(cell(&figure), "~23.4");
    }

    #[test]
    fn a_map_that_was_not_measured_has_no_bars() {
        let figure = |subject: &str, threads| Figure {
            shape: "Hits64".to_owned(),
            threads,
            subject: subject.to_owned(),
            median: f64::from(threads),
            unit: "ns".to_owned(),
            spread: 0.0,
            rounds: 1,
        };
        let figures = [figure("scc", 1), figure("twinmap", 1), figure("twinmap", 2)];
        let found: Vec<_> =
            bars(&figures, "Hits64").iter().map(|bars| (bars.name.clone(), bars.values.clone())).collect();
        let bars = |name: &str, values: [_; 2]| (name.to_owned(), values.to_vec());
        assert_eq!(found, [bars("twinmap", [Some(1.0), Some(2.0)]), bars("scc", [Some(1.0), None])]);
        assert!(table(&figures, 2).ends_with("| `Hits64` | 2.0 | - | - | - | - | - | - | - | - | - | - |\n"));
    }
}
