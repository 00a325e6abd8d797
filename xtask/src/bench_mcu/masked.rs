//! The column "masks interrupts" of README.md's table of what each operation does, against the figures: on a core with
//! compare-and-swap, where nothing masks but a `CriticalSectionLock`, and the allocator, which has figures of its own.

use std::fs;

use super::{LEVELS, SIZES, read};
use crate::cmd::root;

/// The operations that are measured, by rows. Looking up an absent key, and iterating, are measured in
/// a map of which no key is recent.
const MEASURED: [(&str, &[&str]); 6] = [
    ("`get`, `contains_key`, `get_or_insert`: known key", &["hit", "hit-pinned"]),
    ("`get`, `contains_key`: recent or absent key", &["miss"]),
    ("`insert`, `update`, `update_or_insert`, `compare_exchange`: known key", &["overwrite"]),
    ("`insert`, `get_or_insert`, `update_or_insert`: new key", &["insert", "churn-insert"]),
    ("`remove`, `remove_if`: known key", &["remove"]),
    ("`iter`, `keys`, `values`, `retain`", &["iterate"]),
];
/// Of keys that may be known or recent, from a table that may be too large or not: of no one row.
const MIXED: &str = "churn-remove";

/// Whether an operation masks interrupts, as the table says it. `None`: it says nothing that is known here.
fn masks(takes_the_lock: &str, cell: &str) -> Option<bool> {
    match cell {
        "no" => Some(false),
        // All keys are removed, one after the other: a map that grows also shrinks, and another
        // one takes each out of its table.
        "no⁵" => Some(true),
        "while locked" => Some(!takes_the_lock.starts_with("if some key is recent")),
        _ => None,
    }
}

#[test]
fn interrupts_are_masked_where_the_table_says_so() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## What each operation does").nth(1).unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<_>> =
        lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()).collect();
    assert_eq!((rows[0][1], rows[0][4]), ("takes the lock", "masks interrupts¹"));
    let mut compared = 0;
    for (name, figures) in read().unwrap().rows {
        let ["thumbv7m", _, _, subject, operation] = name.split(' ').collect::<Vec<_>>()[..] else { continue };
        let Some(("SyncMap" | "FixedMap", lock)) = subject.split_once('/') else { continue };
        if operation == MIXED {
            continue;
        }
        let row = MEASURED.iter().find(|(_, operations)| operations.contains(&operation));
        let (row, _) = row.unwrap_or_else(|| panic!("{operation} is of no row"));
        let row = rows.iter().find(|cells| cells[0] == *row).unwrap_or_else(|| panic!("there is no row {row}"));
        let said = masks(row[1], row[4]).unwrap_or_else(|| panic!("{}: no test knows this text: {}", row[0], row[4]));
        let masked = figures["masked"];
        assert_eq!(masked != 0, said && lock == "CriticalSectionLock", "{}: {}; but {name}: {masked}", row[0], row[4]);
        compared += 1;
    }
    let operations: usize = MEASURED.iter().map(|(_, operations)| operations.len()).sum();
    assert_eq!(compared, 4 * LEVELS.len() * SIZES.len() * operations, "of four maps, at each level and of each size");
}
