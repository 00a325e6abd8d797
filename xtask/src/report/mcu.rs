//! The section on microcontrollers, of benches/mcu.json.

use anyhow::Result;

use super::charts::{Bars, Chart};
use super::counts::{Counts, OPERATIONS, bytes, decimal, masks, number, title};
use super::{FOLDER, Section, markdown};
use crate::bench_mcu::{Record, Rows, SIZES, SUBJECTS};

const ABOUT: &str = "\
Instructions, counted exactly: a plugin of QEMU's counts what is executed between two markers, and call and return are
taken off. Each run first counts code of which it is known how long it is, and believes no other count unless these are
right. The counts are the same each time, to the instruction. They are committed, as
[benches/mcu.json](../benches/mcu.json), and a step of `cargo xtask test` fails when one of them becomes worse.
Instructions are not cycles: flash with wait states, a cache or a pipeline make a difference that QEMU does not know.

`cargo xtask bench-mcu` counts again. The firmware is in [benches/mcu](../benches/mcu). Keys are `u32`, in no order, and
values `u32`. *Churn* removes the oldest of the keys and inserts a new one, sixteen times for each entry, so that a map is
always full. *Pinned*: many lookups under one pin. *Masked* is the longest run of instructions with interrupts masked. The
allocator's instructions are apart, in no table of instructions; only in the chart of what is masked do they count, as they
do for an interrupt that waits. [instructions.md](instructions.md) has the functions that they are in, for what takes more than
was aimed at.

The peers: heapless' `FnvIndexMap`, with twice as many slots as entries, in a mutex that is a critical section; hashbrown,
with the same hash function as twinmap's, in a spinlock; and both without a lock, for one context alone. A spinlock masks
nothing, and deadlocks when a handler interrupts who holds it.
";

const ABOUT_WITHOUT_CAS: &str = "\
This core has no compare-and-swap: portable-atomic (`unsafe-assume-single-core`) makes up for it, and masks interrupts for
a few instructions at a time, with any lock.
";

const ABOUT_BYTES: &str = "\
Flash for insert, get, remove and iterate, against an empty firmware, at `opt-level = \"s\"`. RAM on `thumbv7m`: what the
`static` is, and the most heap that was in use while the map was filled, and in the churn.

";

/// Of which all sizes show.
const GROWTH: [&str; 6] = ["insert", "churn-insert", "remove", "churn-remove", "iterate", "hit"];

/// The one that the charts show.
pub const CORE: &str = "thumbv7m";

/// With what they are, and what there is to say about them.
const CORES: [(&str, &str, &str); 2] = [(CORE, "Cortex-M3", ""), ("thumbv6m", "Cortex-M0", ABOUT_WITHOUT_CAS)];

/// Of which all operations show.
pub const SIZE: u32 = 64;

/// In the charts, which the README has too.
pub const HIT: (&str, &str) = ("mcu-hit.svg", "Instructions of a lookup that finds its key, thumbv7m, 64 entries");
pub const MASKED: (&str, &str) = ("mcu-masked.svg", "Longest run of instructions with interrupts masked, thumbv7m");

pub fn section(record: &Record) -> Result<Section> {
    let rows = &record.rows;
    let counts = Counts { rows, core: CORE, level: "3" };
    let files = [(HIT, hit_chart(counts)?), (MASKED, masked_chart(counts)?)];
    let mut text = format!("## On microcontrollers\n\nrustc {}.\n\n{ABOUT}", record.rustc);
    for ((file, title), _) in &files {
        text += &format!("\n![{title}]({file})\n");
    }
    for (core, what, about) in CORES {
        text += &format!("\n### {what} (`{core}`)\n\n{about}");
        text += &of_core(rows, core);
    }
    text += "\n### Bytes\n\n";
    text += ABOUT_BYTES;
    text += &memory(rows);
    let files = files.into_iter().map(|((file, _), svg)| (format!("{FOLDER}/{file}"), svg)).collect();
    Ok(Section { text, files })
}

fn of_core(rows: &Rows, core: &str) -> String {
    let counts = Counts { rows, core, level: "3" };
    let small = Counts { level: "s", ..counts };
    let mut text = String::new();
    if let Some((worst, masked)) = counts.allocator() {
        text += &format!(
            "A call of the allocator (embedded-alloc's, TLSF; with the zeroing of a table) takes up to {} instructions, {} of them with interrupts masked.\n",
            number(Some(worst)),
            number(Some(masked))
        );
    }
    text += &format!("\n{SIZE} entries, `opt-level = 3`, mean / worst:\n\n");
    text += &operations(|subject, operation| {
        let mean = counts.mean(SIZE, subject, operation);
        // All entries together, against the mean of one, would say nothing.
        let worst = counts.worst(SIZE, subject, operation).filter(|_| operation != "iterate");
        let worst = worst.map_or(String::new(), |worst| format!(" / {}", number(Some(worst))));
        decimal(mean) + &worst
    });
    text += &format!("\n{SIZE} entries, `opt-level = \"s\"`, mean:\n\n");
    text += &operations(|subject, operation| decimal(small.mean(SIZE, subject, operation)));
    let sizes = SIZES.map(|size| size.to_string()).join(" / ");
    text += &format!("\nThe worst at {sizes} entries (iterate: over all of them), `opt-level = 3`:\n\n");
    text += &growth(|_| true, |subject, operation| SIZES.map(|size| counts.worst(size, subject, operation)));
    text += "\nThe longest run with interrupts masked, likewise; the locks of the other maps mask nothing:\n\n";
    text += &growth(masks, |subject, operation| SIZES.map(|size| counts.masked(size, subject, operation)));
    text
}

/// Maps by operations.
fn operations(cell: impl Fn(&str, &str) -> String) -> String {
    let header = ["map"].into_iter().chain(OPERATIONS.map(|(_, title)| title)).map(str::to_owned).collect::<Vec<_>>();
    let row = |(subject, name)| {
        [title(name)].into_iter().chain(OPERATIONS.map(|(operation, _)| cell(subject, operation))).collect()
    };
    markdown(&header, &SUBJECTS.map(row))
}

/// Maps by operations, with the sizes in a cell.
fn growth(of: impl Fn(&str) -> bool, figures: impl Fn(&str, &str) -> [Option<u64>; 3]) -> String {
    let titles = GROWTH.map(|operation| operation.replace("churn-", "churn: "));
    let header = ["map".to_owned()].into_iter().chain(titles).collect::<Vec<_>>();
    let row = |&(subject, name): &(&str, &str)| {
        let cell = |operation| figures(subject, operation).map(number).join(" / ");
        [title(name)].into_iter().chain(GROWTH.map(cell)).collect()
    };
    let rows: Vec<_> = SUBJECTS.iter().filter(|(subject, _)| of(subject)).map(row).collect();
    markdown(&header, &rows)
}

fn memory(rows: &Rows) -> String {
    let sizes = SIZES.map(|size| size.to_string()).join(" / ");
    let mut header = vec!["map".to_owned()];
    header.extend(CORES.map(|(core, _, _)| format!("flash, `{core}`")));
    header.extend(["static", "heap, filled", "heap, churned"].map(|what| format!("{what}, {sizes}")));
    let row = |(subject, name)| {
        let flash = |(core, _, _)| number(bytes(rows, core, SIZE, subject, "flash", "bytes"));
        let ram = |name| SIZES.map(|size| number(bytes(rows, CORE, size, subject, "memory", name))).join(" / ");
        let cells = CORES.map(flash).into_iter().chain(["static", "heap_filled", "heap_churned"].map(ram));
        [title(name)].into_iter().chain(cells).collect()
    };
    markdown(&header, &SUBJECTS.map(row))
}

fn hit_chart(counts: Counts) -> Result<String> {
    let bars = |(subject, name)| {
        let mean = counts.mean(SIZE, subject, "hit");
        let worst = counts.worst(SIZE, subject, "hit").map(|worst| worst as f64);
        Bars { name: title(name), values: vec![mean, worst] }
    };
    let bars = SUBJECTS.map(bars).into();
    Chart { title: HIT.1, series: &["mean", "worst"], bars, shown: whole }.draw()
}

/// Of a lookup, and of whatever takes longest, for maps that any handler may use.
fn masked_chart(counts: Counts) -> Result<String> {
    let sizes = SIZES.map(|size| format!("{size} entries"));
    let maps = SUBJECTS.into_iter().filter(|(subject, _)| masks(subject));
    let bars = |operation: &str, masked: &dyn Fn(u32, &str) -> Option<u64>| {
        let bars = |(subject, _): (&str, &str)| Bars {
            name: format!("{operation}: {}", short(subject)),
            values: SIZES.map(|size| masked(size, subject).map(|masked| masked as f64)).into(),
        };
        maps.clone().map(bars).collect::<Vec<_>>()
    };
    let mut all = bars("a hit", &|size, subject| counts.masked(size, subject, "hit"));
    all.extend(bars("any operation", &|size, subject| counts.longest_masked(size, subject)));
    Chart { title: MASKED.1, series: &sizes.each_ref().map(String::as_str), bars: all, shown: whole }.draw()
}

/// The map without its lock, which is the same in all that are compared.
pub fn short(subject: &str) -> &str {
    subject.split('/').find(|part| part.ends_with("Map")).unwrap_or(subject)
}

fn whole(value: f64) -> String {
    number(Some(value.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_mcu::Figures;

    fn figures(figures: &[(&str, u64)]) -> Figures {
        figures.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn the_section_has_what_was_counted() {
        let hit = figures(&[("operations", 64), ("sum", 2_000), ("worst", 1_077), ("masked", 9)]);
        let allocating = figures(&[("allocator_worst", 149), ("masked_with_allocator", 110)]);
        let rows: Rows = [
            ("thumbv7m 3 64 SyncMap/CriticalSectionLock hit".to_owned(), hit),
            ("thumbv7m 3 64 SyncMap/SpinLock insert".to_owned(), allocating),
            ("thumbv6m 64 SyncMap/SpinLock flash".to_owned(), figures(&[("bytes", 10_048)])),
        ]
        .into();
        let section = section(&Record { rustc: "1.95.0".to_owned(), rows }).unwrap();
        let has = |text: &str| assert!(section.text.contains(text), "no {text} in {}", section.text);
        has("| SyncMap CriticalSectionLock | 31.2 / 1,077 | - | - |");
        has("up to 149 instructions, 110 of them");
        has("- / 1,077 / - |\n");
        has("- / 9 / - |\n");
        has("| SyncMap SpinLock | - | 10,048 |");
        assert!(section.files.iter().all(|(path, svg)| path.starts_with("docs/mcu-") && svg.starts_with("<svg")));
    }

    #[test]
    fn a_map_is_called_as_in_the_code() {
        let names = ["SyncMap/CriticalSectionLock", "critical_section/FnvIndexMap", "spin/HashMap"].map(short);
        assert_eq!(names, ["SyncMap", "FnvIndexMap", "HashMap"]);
    }
}
