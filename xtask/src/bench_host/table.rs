//! The figures as a table: shapes by maps.

use comfy_table::{CellAlignment, Table, presets};

use super::figures::{Figure, SHAPES};

/// In the order of the columns.
pub const SUBJECTS: [&str; 11] = [
    "twinmap",
    "twinmap pinned",
    "spin RwLock",
    "std RwLock",
    "dashmap",
    "papaya",
    "papaya pinned",
    "scc",
    "left-right",
    "bare",
    "Go sync.Map",
];

pub fn table(figures: &[Figure], threads: u32) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let title = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    let subjects = SUBJECTS.map(|subject| subject.replace(' ', "\n"));
    table.set_header([title].into_iter().chain(subjects).chain(["spread\nup to".to_owned()]));
    for shape in &SHAPES {
        let of_shape = |figure: &&Figure| figure.shape == shape.name && figure.threads == threads;
        let figures: Vec<_> = figures.iter().filter(of_shape).collect();
        let spread = figures.iter().map(|figure| figure.spread).reduce(f64::max);
        let Some(spread) = spread else { continue };
        let cell = |subject: &str| {
            let figure = figures.iter().find(|figure| figure.subject == subject);
            figure.map_or("-".to_owned(), |figure| shown(figure))
        };
        let row = [shape.name.to_owned()].into_iter().chain(SUBJECTS.map(cell));
        table.add_row(row.chain([format!("{:.0} %", spread * 100.0)]));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// Three digits at least, and the unit unless it's plain nanoseconds.
pub fn shown(figure: &Figure) -> String {
    match (figure.unit.as_str(), figure.median) {
        ("bytes", bytes) => format!("{bytes:.0} B"),
        (_, ns) if ns < 99.95 => format!("{ns:.1}"),
        (_, ns) if ns < 9_999.5 => format!("{ns:.0}"),
        (_, ns) if ns < 999_500.0 => format!("{:.0} µs", ns / 1e3),
        (_, ns) => format!("{:.1} ms", ns / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(subject: &str, unit: &str, median: f64) -> Figure {
        let [shape, subject, unit] = ["Hits64", subject, unit].map(str::to_owned);
        Figure { shape, threads: 1, subject, median, unit, spread: 0.05, rounds: 3 }
    }

    #[test]
    fn large_figures_have_a_unit() {
        let ns = |ns| shown(&figure("scc", "ns", ns));
        assert_eq!([2.34, 345.6, 9_876.0, 98_765.0, 12_345_678.0].map(ns), ["2.3", "346", "9876", "99 µs", "12.3 ms"]);
        assert_eq!(shown(&figure("scc", "bytes", 36.1)), "36 B");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let table = table(&[figure("twinmap", "ns", 4.5), figure("scc", "ns", 7.8)], 1).to_string();
        let row = table.lines().find(|line| line.contains("Hits64")).unwrap();
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells, ["Hits64", "4.5", "-", "-", "-", "-", "-", "-", "7.8", "-", "-", "-", "5", "%"]);
    }
}
