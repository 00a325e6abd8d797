//! The figures in README.md: a block between two comments.

use anyhow::{Context, Result};

use super::counts::{Counts, bytes, decimal, number};
use super::mcu::{CORE, HIT, MASKED, SIZE};
use super::{FOLDER, markdown};
use crate::bench_mcu::{Record, SIZES};

pub const FILE: &str = "README.md";

const BLOCK: &str = "performance";

const SYNC: &str = "SyncMap/CriticalSectionLock";
const FIXED: &str = "FixedMap/CriticalSectionLock";
const PLAIN: &str = "critical_section/FnvIndexMap";
const SPIN: &str = "spin/HashMap";

/// With the columns' titles.
const SUBJECTS: [(&str, &str); 4] = [
    (SYNC, "`SyncMap`, `CriticalSectionLock`"),
    (FIXED, "`FixedMap`, `CriticalSectionLock`"),
    (PLAIN, "`FnvIndexMap` in `critical_section::Mutex`"),
    (SPIN, "hashbrown in a spinlock"),
];

const OPERATIONS: [(&str, &str); 5] = [
    ("hit", "look up a key that is there"),
    ("overwrite", "overwrite"),
    ("insert", "insert a new key"),
    ("remove", "remove"),
    ("churn-insert", "insert into a full map, after a removal"),
];

/// Puts the figures in the place of older ones.
pub fn with_figures(readme: &str, record: &Record) -> Result<String> {
    with_block(readme, BLOCK, &figures(record))
}

/// Puts `text` between the two comments that are for it.
pub fn with_block(readme: &str, block: &str, text: &str) -> Result<String> {
    let (begin, end) = comments(block);
    let parts = readme.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.with_context(|| format!("{FILE} has no comments for {block} to be between"))?;
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

fn comments(block: &str) -> (String, String) {
    let begin = format!("<!-- {block}: begin; `cargo xtask report` writes what follows -->\n");
    (begin, format!("<!-- {block}: end -->\n"))
}

fn figures(record: &Record) -> String {
    let counts = Counts { rows: &record.rows, core: CORE, level: "3" };
    let mut text = String::new();
    for (file, title) in [HIT, MASKED] {
        text += &format!("![{title}]({FOLDER}/{file})\n\n");
    }
    text += &masked(counts);
    text += &format!("\nInstructions on a Cortex-M3, mean / worst, {SIZE} entries, `opt-level = 3`, and bytes:\n\n");
    text + &table(counts)
}

/// How long interrupts are masked, compared with a map in a critical section.
fn masked(counts: Counts) -> String {
    let compared = |subject| {
        let is_shorter = |size| counts.longest_masked(size, subject) < counts.longest_masked(size, PLAIN);
        let (shorter, longer): (Vec<_>, Vec<_>) = SIZES.into_iter().partition(|&size| is_shorter(size));
        let at = |sizes: Vec<u32>, text: &str| {
            let sizes: Vec<_> = sizes.iter().map(u32::to_string).collect();
            let (last, others) = sizes.split_last()?;
            let others = if others.is_empty() { String::new() } else { format!("{} and ", others.join(", ")) };
            Some(format!("{text} at {others}{last} entries"))
        };
        let parts: Vec<_> = [at(shorter, "shorter"), at(longer, "not shorter")].into_iter().flatten().collect();
        parts.join(", and ")
    };
    format!(
        "The longest run of all, compared with the plain map's: a `FixedMap`'s is {}; a `SyncMap`'s is {}.\n",
        compared(FIXED),
        compared(SYNC)
    )
}

fn table(counts: Counts) -> String {
    let header: Vec<_> = [""].into_iter().chain(SUBJECTS.map(|(_, title)| title)).map(str::to_owned).collect();
    let row = |title: &str, cell: &dyn Fn(&str) -> String| {
        [title.to_owned()].into_iter().chain(SUBJECTS.map(|(subject, _)| cell(subject))).collect::<Vec<_>>()
    };
    let instructions = OPERATIONS.map(|(operation, title)| {
        row(title, &|subject| {
            let worst = number(counts.worst(SIZE, subject, operation));
            format!("{} / {worst}", decimal(counts.mean(SIZE, subject, operation)))
        })
    });
    let of = |subject: &str, kind: &str, name: &str| bytes(counts.rows, CORE, SIZE, subject, kind, name);
    let others = [
        row("interrupts masked, looking up", &|subject| number(counts.masked(SIZE, subject, "hit"))),
        row("interrupts masked, at most, also by the allocator", &|subject| {
            number(counts.longest_masked(SIZE, subject))
        }),
        row("flash", &|subject| number(of(subject, "flash", "bytes"))),
        row("RAM: `static` + heap", &|subject| {
            let heap = of(subject, "memory", "heap_churned").filter(|&heap| heap > 0);
            let heap = heap.map_or(String::new(), |heap| format!(" + {}", number(Some(heap))));
            number(of(subject, "memory", "static")) + &heap
        }),
    ];
    markdown(&header, &instructions.into_iter().chain(others).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bench_mcu::{Rows, read};
    use crate::cmd::root;

    #[test]
    fn what_is_between_the_comments_is_replaced() {
        let record = Record { rustc: "1.95.0".to_owned(), rows: Rows::new() };
        let (begin, end) = comments(BLOCK);
        let old = format!("before\n{begin}old\n{end}after\n");
        let new = with_figures(&old, &record).unwrap();
        assert!(new.starts_with("before\n<!--") && new.ends_with("-->\nafter\n") && !new.contains("old"), "{new}");
        assert_eq!(with_figures(&new, &record).unwrap(), new);
        assert!(with_figures("neither", &record).is_err());
    }

    /// What the README says in words around the figures: what is no longer so is to be said otherwise.
    #[test]
    fn the_words_are_true() {
        let record = read().unwrap();
        let counts = Counts { rows: &record.rows, core: CORE, level: "3" };
        let mean = |subject, operation| counts.mean(SIZE, subject, operation).unwrap();
        for (map, operation) in [(SYNC, "hit"), (SYNC, "overwrite"), (FIXED, "hit"), (FIXED, "overwrite")] {
            let none = SIZES.iter().all(|&size| counts.masked(size, map, operation) == Some(0));
            assert!(none, "{map}: {operation} masks interrupts");
        }
        assert!(counts.masked(SIZE, PLAIN, "hit") > Some(0));
        for write in ["overwrite", "insert", "remove"] {
            let ours = mean(SYNC, write).min(mean(FIXED, write));
            assert!(
                [PLAIN, SPIN].iter().all(|plain| ours > mean(plain, write)),
                "{write} is faster than in a plain map"
            );
        }
        let longest = |map| counts.longest_masked(SIZES[0], map);
        assert!(longest(SYNC) >= longest(PLAIN), "shorter than a small plain map's longest run");
        assert!(longest(FIXED) < longest(PLAIN), "no shorter than a small plain map's longest run");
        let churn = |size| counts.worst(size, FIXED, "churn-insert").unwrap();
        assert!(churn(256) * 2 < churn(16) * 3, "a full FixedMap takes longer when it is large");
        assert!(mean(SPIN, "hit") < mean(SYNC, "hit").min(mean(FIXED, "hit")), "hashbrown is not faster");
        let small = |subject| Counts { core: "thumbv6m", ..counts }.mean(SIZE, subject, "hit").unwrap();
        assert!(small(SPIN) > small(SYNC).max(small(FIXED)), "hashbrown is faster on a Cortex-M0, too");

        let ours = |name: &str| name.contains("SyncMap/") || name.contains("FixedMap/");
        let masked =
            record.rows.iter().filter(|(name, _)| ours(name)).filter_map(|(_, row)| row.get("masked").copied());
        assert!(masked.max() < Some(700), "interrupts are masked for longer than is said");
        let fixed = |core, kind, name| number(bytes(&record.rows, core, SIZE, "FixedMap/SpinLock", kind, name));
        let size = format!(
            "| {} bytes, in `.bss` | {} bytes | {} bytes |",
            fixed(CORE, "memory", "static"),
            fixed("thumbv6m", "flash", "bytes"),
            fixed(CORE, "flash", "bytes")
        );
        let readme = fs::read_to_string(root().join(FILE)).unwrap();
        assert!(readme.contains(&size), "the size of a FixedMap is {size}");
    }
}
