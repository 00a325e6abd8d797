//! What was counted on microcontrollers, by core, level, size, map and operation, and how it is written.

use crate::bench_mcu::{Figures, Rows, SIZES, SUBJECTS};

pub const OPERATIONS: [(&str, &str); 9] = [
    ("hit", "hit"),
    ("hit-pinned", "hit, pinned"),
    ("miss", "miss"),
    ("overwrite", "overwrite"),
    ("insert", "insert"),
    ("remove", "remove"),
    ("churn-remove", "churn: remove"),
    ("churn-insert", "churn: insert"),
    (ITERATE, "iterate, an entry"),
];

/// Once over all entries.
const ITERATE: &str = "iterate";

/// On a core, at a level.
#[derive(Clone, Copy)]
pub struct Counts<'a> {
    pub rows: &'a Rows,
    pub core: &'a str,
    pub level: &'a str,
}

impl Counts<'_> {
    fn row(&self, size: u32, subject: &str, operation: &str) -> Option<&Figures> {
        self.rows.get(&format!("{} {} {size} {subject} {operation}", self.core, self.level))
    }

    /// Instructions of an operation; of an iteration those of an entry.
    pub fn mean(&self, size: u32, subject: &str, operation: &str) -> Option<f64> {
        let row = self.row(size, subject, operation)?;
        let number = if operation == ITERATE { u64::from(size) } else { *row.get("operations")? };
        Some(*row.get("sum")? as f64 / number as f64)
    }

    pub fn worst(&self, size: u32, subject: &str, operation: &str) -> Option<u64> {
        self.row(size, subject, operation)?.get("worst").copied()
    }

    /// The longest time that interrupts are masked, without the allocator's instructions.
    pub fn masked(&self, size: u32, subject: &str, operation: &str) -> Option<u64> {
        self.row(size, subject, operation)?.get("masked").copied()
    }

    /// The same with the allocator's instructions, of any operation.
    pub fn longest_masked(&self, size: u32, subject: &str) -> Option<u64> {
        let rows = OPERATIONS.iter().filter_map(|(operation, _)| self.row(size, subject, operation));
        rows.flat_map(|row| [row.get("masked"), row.get("masked_with_allocator")]).flatten().max().copied()
    }

    /// The allocator's longest call, and the longest time that it masks interrupts: in maps whose locks don't mask.
    pub fn allocator(&self) -> Option<(u64, u64)> {
        let subjects = SUBJECTS.iter().map(|(subject, _)| *subject).filter(|subject| !masks(subject));
        let rows = subjects.flat_map(|subject| {
            SIZES.into_iter().flat_map(move |size| {
                OPERATIONS.iter().filter_map(move |(operation, _)| self.row(size, subject, operation))
            })
        });
        let rows: Vec<_> = rows.collect();
        let most = |name: &str| rows.iter().filter_map(|row| row.get(name)).max().copied();
        Some((most("allocator_worst")?, most("masked_with_allocator")?))
    }
}

/// Whether a map's lock masks interrupts.
pub fn masks(subject: &str) -> bool {
    subject.contains("CriticalSectionLock") || subject.contains("critical_section")
}

/// Of a map's bytes, which no level changes.
pub fn bytes(rows: &Rows, core: &str, size: u32, subject: &str, kind: &str, name: &str) -> Option<u64> {
    rows.get(&format!("{core} {size} {subject} {kind}"))?.get(name).copied()
}

/// With commas; what is not measured is a dash.
pub fn number(number: Option<u64>) -> String {
    let Some(number) = number else { return "-".to_owned() };
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A decimal, if there are not many digits before it.
pub fn decimal(number: Option<f64>) -> String {
    match number {
        Some(small) if small < 99.95 => format!("{small:.1}"),
        large => self::number(large.map(|large| large.round() as u64)),
    }
}

/// A map's name in a row.
pub fn title(title: &str) -> String {
    title.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iteration_counts_by_entries() {
        let figures: Figures = [("operations", 4), ("sum", 640), ("worst", 640)].map(|(n, v)| (n.to_owned(), v)).into();
        let row = |operation: &str| (format!("v7 3 64 A {operation}"), figures.clone());
        let rows: Rows = ["hit", "iterate"].map(row).into();
        let counts = Counts { rows: &rows, core: "v7", level: "3" };
        assert_eq!((counts.mean(64, "A", "hit"), counts.mean(64, "A", "iterate")), (Some(160.0), Some(10.0)));
        assert_eq!((counts.worst(64, "A", "hit"), counts.worst(16, "A", "hit")), (Some(640), None));
    }

    #[test]
    fn the_allocator_counts_for_who_waits() {
        let figures = [("masked", 20), ("masked_with_allocator", 110), ("allocator_worst", 150)];
        let figures: Figures = figures.map(|(name, value)| (name.to_owned(), value)).into();
        let rows: Rows = [("v7 3 64 SyncMap/SpinLock insert".to_owned(), figures)].into();
        let counts = Counts { rows: &rows, core: "v7", level: "3" };
        assert_eq!(counts.longest_masked(64, "SyncMap/SpinLock"), Some(110));
        assert_eq!(counts.masked(64, "SyncMap/SpinLock", "insert"), Some(20));
        assert_eq!(counts.allocator(), Some((150, 110)));
    }

    #[test]
    fn numbers_are_readable() {
        let shown = [Some(0), Some(999), Some(1_000), Some(41_281), Some(1_234_567), None].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "41,281", "1,234,567", "-"]);
        let shown = [Some(3.25), Some(99.9), Some(99.96), Some(8_160.6), None].map(decimal);
        assert_eq!(shown, ["3.2", "99.9", "100", "8,161", "-"]);
    }
}
