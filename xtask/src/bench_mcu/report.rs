//! Tables of figures, to read.

use comfy_table::{Table, presets};

use super::figures::{Figures, Rows};
use super::{CORES, LEVELS};

/// Of maps, in entries.
pub const SIZES: [u32; 3] = [16, 64, 256];

/// With the lines of their titles.
pub const SUBJECTS: [(&str, &str); 8] = [
    ("SyncMap/SpinLock", "SyncMap\nSpinLock"),
    ("SyncMap/CriticalSectionLock", "SyncMap\nCriticalSectionLock"),
    ("FixedMap/SpinLock", "FixedMap\nSpinLock"),
    ("FixedMap/CriticalSectionLock", "FixedMap\nCriticalSectionLock"),
    ("critical_section/FnvIndexMap", "FnvIndexMap in\ncritical_section::Mutex"),
    ("spin/HashMap", "hashbrown in\nspin::Mutex"),
    ("bare/FnvIndexMap", "FnvIndexMap"),
    ("bare/HashMap", "hashbrown"),
];

const OPERATIONS: [(&str, &str); 9] = [
    ("hit", "hit"),
    ("hit-pinned", "hit,\npinned"),
    ("miss", "miss"),
    ("overwrite", "over-\nwrite"),
    ("insert", "insert"),
    ("remove", "remove"),
    ("iterate", "iterate:\nan entry\nand all"),
    ("churn-remove", "churn:\nremove"),
    ("churn-insert", "churn:\ninsert"),
];

pub fn tables(rows: &Rows) -> String {
    let mut text = String::new();
    for (core, _, _) in CORES {
        for level in LEVELS {
            for size in SIZES {
                text += &format!("\n{core}, opt-level {level}, {size} entries: instructions, the allocator's aside\n");
                text += &format!("{}\n", instructions(rows, core, level, size));
            }
            text += &format!("\n{core}, opt-level {level}: the allocator, in rows that call it\n");
            text += &format!("{}\n", allocator(rows, core, level));
        }
        text += &format!("\n{core}: bytes\n{}\n", memory(rows, core));
    }
    text
}

fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    table
}

/// Subjects by operations: mean, worst, and the longest time that interrupts are masked.
fn instructions(rows: &Rows, core: &str, level: &str, size: u32) -> Table {
    let mut table = table(["", ""].into_iter().chain(OPERATIONS.map(|(_, title)| title)));
    for (subject, title) in SUBJECTS {
        let cell = |(operation, _): (&str, &str)| {
            let Some(figures) = rows.get(&format!("{core} {level} {size} {subject} {operation}")) else {
                return String::new();
            };
            let each = if operation == "iterate" { u64::from(size) } else { of(figures, "operations") };
            format!("{}\n{}\n{}", mean(of(figures, "sum"), each), of(figures, "worst"), of(figures, "masked"))
        };
        table.add_row([title.to_owned(), "mean\nworst\nmasked".to_owned()].into_iter().chain(OPERATIONS.map(cell)));
    }
    table
}

/// What the allocator has to do with it: the operations that call it, by maps and sizes.
fn allocator(rows: &Rows, core: &str, level: &str) -> Table {
    let mut table = table([
        "map",
        "entries",
        "operation",
        "calls an\noperation",
        "mean\ncall",
        "worst\ncall",
        "worst operation\nwith it",
        "masked\nwith it",
    ]);
    for (subject, title) in SUBJECTS {
        for size in SIZES {
            let row = |(operation, _): (&str, &str)| {
                let figures = rows.get(&format!("{core} {level} {size} {subject} {operation}"))?;
                let figure = |name| of(figures, name);
                let calls = figures.get("allocator_calls").copied()?;
                Some([
                    operation.to_owned(),
                    format!("{:.3}", calls as f64 / figure("operations") as f64),
                    mean(figure("allocator_sum"), calls),
                    figure("allocator_worst").to_string(),
                    figure("worst_with_allocator").to_string(),
                    figure("masked_with_allocator").to_string(),
                ])
            };
            let lines: Vec<_> = OPERATIONS.into_iter().filter_map(row).collect();
            if !lines.is_empty() {
                let column = |column: usize| lines.iter().map(|line| &*line[column]).collect::<Vec<_>>().join("\n");
                table.add_row([title.to_owned(), size.to_string()].into_iter().chain((0..6).map(column)));
            }
        }
    }
    table
}

/// At `opt-level` s; RAM as it is, and the most that was allocated.
fn memory(rows: &Rows, core: &str) -> Table {
    let mut table = table(["map", "flash,\n64 entries", "entries", "static\nRAM", "heap,\nfilled", "heap,\nchurned"]);
    for (subject, title) in SUBJECTS {
        let flash = rows.get(&format!("{core} 64 {subject} flash")).map_or(0, |figures| of(figures, "bytes"));
        let column = |name: &str| {
            let bytes = |size| rows.get(&format!("{core} {size} {subject} memory")).map_or(0, |row| of(row, name));
            SIZES.map(|size| bytes(size).to_string()).join("\n")
        };
        let [own, filled, churned] = ["static", "heap_filled", "heap_churned"].map(column);
        let sizes = SIZES.map(|size| size.to_string()).join("\n");
        table.add_row([title.to_owned(), flash.to_string(), sizes, own, filled, churned]);
    }
    table
}

fn of(figures: &Figures, name: &str) -> u64 {
    figures.get(name).copied().unwrap_or(0)
}

fn mean(sum: u64, number: u64) -> String {
    format!("{:.1}", sum as f64 / number as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_what_is_measured() {
        let figures = |figures: &[(&str, u64)]| -> Figures {
            figures.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
        };
        let hit = figures(&[("operations", 64), ("sum", 2_000), ("worst", 77), ("masked", 9)]);
        let insert = figures(&[
            ("operations", 64),
            ("allocator_calls", 16),
            ("allocator_sum", 200),
            ("worst_with_allocator", 4_321),
        ]);
        let rows = [
            ("thumbv7m 3 64 SyncMap/SpinLock hit".to_owned(), hit),
            ("thumbv7m 3 64 SyncMap/SpinLock insert".to_owned(), insert),
        ];
        let text = tables(&rows.into());
        assert!(["31.2", "77", "0.250", "12.5", "4321"].iter().all(|figure| text.contains(figure)), "{text}");
    }
}
