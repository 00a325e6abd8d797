//! `cargo xtask bench-mcu --explain ROW`: which functions the instructions of a row of benches/mcu.json are in.
//!
//! The firmware is built once more, with debug information, and it is checked that this takes as many instructions. In
//! the row, the plugin writes down the address of each of them; the debug information has of an address which function
//! it is from, and what that is inlined into.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::mem::take;
use std::path::Path;

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use anyhow::{Context, Result, bail, ensure};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection};

use super::events::{ADDRESS, Event, words};
use super::trace::{CALL, Machine, groups, rows};
use super::{CORES, LEVELS, board, build, link, plugin, run_image, set_up};

/// Functions with their types. (With all that there is, "full", LLVM makes slightly other code.)
const DEBUG: &str = "limited";

const HEAD: &str = "\
# Where the instructions go

Made by `cargo xtask bench-mcu --update` of what it counts: edit that, not this.

These operations take more instructions than was aimed at. For each: what stands in the way, and which functions the
instructions are in, on a Cortex-M3 with `opt-level = 3` and a `CriticalSectionLock`. A function's line has the mean of it with all
that is inlined into it, which is below it, the mean of it alone, what it took in the longest of the operations, and what in the
longest section of any of them with interrupts masked. What is less than an instruction is left out where it is nothing in these
either. The allocator's instructions are not in here; call and return are, which [performance.md](performance.md) takes off.
";

/// Operations with titles, rows, and what there is to say.
const DOCUMENTED: [(&str, &str, &str); 6] = [
    (
        "SyncMap: overwriting (aim: 110)",
        "thumbv7m 3 64 SyncMap/CriticalSectionLock overwrite",
        "\
A map in a critical section writes the new value over the old one. Here a reader may have the old one, interrupted by the write:
the new one gets a node of its own, a spare one that the map keeps, and the old node is looked after. Of that come four
read-modify-writes, each a loop of `ldrex` and `strex`, with a fence where order matters: `pin`, `Place::take`, `exchange` and
`Pin::drop`; `is_idle`, which finds out that nobody else is pinned; and `Place::put`, which keeps the old node as a spare one. The
lookup by itself is `HeapIndex::find`. The rest is what lies between functions: registers that are saved, results that are taken
apart. With `inserted` inlined a `FixedMap` takes 13 instructions less, and a `SyncMap` 15 more, for want of registers.
",
    ),
    (
        "FixedMap: overwriting (aim: 110)",
        "thumbv7m 3 64 FixedMap/CriticalSectionLock overwrite",
        "\
The same, and: a node is known by the number of its cell, of 16 bits, so that a cell takes 12 bytes; each `locate` and `cell` makes an
address of it. `Links::take` takes a free cell by a compare-and-swap, and writes down where the next one may be. What is freed may be
an entry with its node, so that `free_both` asks for a companion.
",
    ),
    (
        "SyncMap: removing (aim: 150)",
        "thumbv7m 3 64 SyncMap/CriticalSectionLock churn-remove",
        "\
A removal looks whether the table has become sparse (`shrink`), and it pays for what was removed earlier: entries that no table
leads to any more are freed in portions (`Collector`), which is most of the longest one. When all keys are removed one after another,
tables shrink besides, in steps; that is the row `remove` of [performance.md](performance.md).
",
    ),
    (
        "FixedMap: removing (aim: 150)",
        "thumbv7m 3 64 FixedMap/CriticalSectionLock churn-remove",
        "\
A new key may need the cells, so that the entry is taken out of its chain at once, under the lock, which is tried and not waited for
(`unlink`): a second walk of the chain, a section, and two cells that are given back. For `is_full` to be exact, the removal is counted
before and after it (`begin_removal`, `end_removal`).
",
    ),
    (
        "SyncMap: inserting (aim: 250, 900 at worst, 300 masked)",
        "thumbv7m 3 256 SyncMap/CriticalSectionLock churn-insert",
        "\
A new key goes to a table that is written under the lock, while the one that is read stays as it is; with each, a portion of the latter
is copied (`step`), which is what keeps the worst insertion from growing with the map, and costs each its part. Key and value get
memory before the lock is taken, from spare places or the allocator (`search`). The longest one finds the table full: it hears so in
one section, promotes in another, has a table made outside, brings it in a third, and probes a table that is nearly full for each.
The longest section, which was to take 300, is here the search for a place in a table of which three quarters are taken, and tombstones
among them: it looks at 28 slots. With 16 and with 64 entries (308, 303) it is a portion of the copy, whose last entry is long in
finding a place. Chance has a part in both: that such a probe takes twice as long becomes rarer with its length, but has more
occasions in a larger map, which is also why the worst insertion is not quite the same at all sizes.
",
    ),
    (
        "FixedMap: inserting (aim: 250)",
        "thumbv7m 3 64 FixedMap/CriticalSectionLock churn-insert",
        "\
Two cells are taken, each by a read-modify-write and with the look for the next free one; then a section, in which the key is looked for once
more and its entry is linked into a chain.
",
    ),
];

/// Of each address, how many instructions there were.
type Hits = BTreeMap<u64, u64>;

/// What a row's operations took, by the instructions' addresses.
#[derive(Default)]
struct Profile {
    operations: u64,
    all: Hits,
    /// In the longest of them.
    longest: Hits,
    /// In the longest section of any of them with interrupts masked.
    masked: Hits,
}

/// A function, with what was inlined into it.
#[derive(Default)]
struct Node {
    all: u64,
    longest: u64,
    masked: u64,
    inlined: BTreeMap<String, Node>,
}

/// Prints it.
pub fn run(rows: &[String]) -> Result<()> {
    set_up()?;
    for row in rows {
        let (profile, tree) = of_row(row)?;
        println!("\n{row}: {} operations\n\n{}", profile.operations, profile.text(&tree));
    }
    Ok(())
}

/// docs/instructions.md: the operations that take more than was aimed at.
pub fn document() -> Result<String> {
    let mut text = HEAD.to_owned();
    for (title, row, about) in DOCUMENTED {
        let (profile, tree) = of_row(row)?;
        text += &format!(
            "\n## {title}\n\n{about}\n`cargo xtask bench-mcu --explain '{row}'`, {} operations:\n\n```text\n{}```\n",
            profile.operations,
            profile.text(&tree)
        );
    }
    Ok(text)
}

/// A row's profile, and the same by functions.
fn of_row(row: &str) -> Result<(Profile, Node)> {
    let words: Vec<_> = row.splitn(3, ' ').collect();
    let [core, level, name] = words[..] else { bail!("`{row}` is not a row: benches/mcu.json has their names") };
    let core = CORES.into_iter().find(|&(known, ..)| known == core);
    let (_, triple, board) = core.with_context(|| format!("{row}: no core is called so"))?;
    ensure!(LEVELS.contains(&level), "{row}: not one of the levels, {}", LEVELS.join(" and "));
    let (plugin, link, board) = (plugin()?, link()?, self::board(board, triple)?);
    // As it is counted; and to hear which row it is.
    let (trace, printed) = run_image(&build(triple, level, "none", &link)?, board, &plugin)?;
    let counted = rows(&trace, &printed)?;
    let groups = groups(&printed)?;
    let turns = |group: &Vec<String>| Some((group.iter().position(|row| row == name)?, group.len()));
    let place = groups.iter().enumerate().find_map(|(number, group)| Some((number + 1, turns(group)?)));
    let (number, (turn, turns)) = place.with_context(|| format!("{row}: the firmware has no such row"))?;

    let image = build(triple, level, DEBUG, &link)?;
    let (trace, _) = run_image(&image, board, &format!("{plugin},row={number}"))?;
    let profile = profile(&trace, turn, turns)?;
    for (counted, sum) in [
        (counted[name]["sum"], sum(&profile.all) - CALL * profile.operations),
        (counted[name]["masked"], sum(&profile.masked)),
    ] {
        ensure!(sum == counted, "{row}: {counted} instructions, and {sum} with debug information: it is other code");
    }
    let tree = tree(&image, &profile, &link.join("src"))?;
    Ok((profile, tree))
}

/// What a trace with the addresses of one row has on each operation that has its turn.
fn profile(trace: &[u8], turn: usize, turns: usize) -> Result<Profile> {
    let mut profile = Profile::default();
    let mut machine = Machine::new();
    let mut hits = Hits::new();
    let (mut section, mut longest_section) = (Vec::new(), Vec::new());
    let mut operations = 0;
    for (kind, rest) in words(trace)? {
        if kind == ADDRESS {
            if machine.is_in_map() {
                *hits.entry(rest).or_default() += 1;
                if machine.is_masked() {
                    section.push(rest);
                }
            }
            continue;
        }
        let event = Event::new(kind)?;
        if event == Event::Exit {
            return Ok(profile);
        }
        let ended = machine.step(event, rest)?.is_some();
        if !machine.is_masked() {
            // What unmasks is not between masking and unmasking.
            section.pop();
            if section.len() > longest_section.len() {
                longest_section.clone_from(&section);
            }
            section.clear();
        }
        // Of the other rows there are no addresses.
        if !ended || hits.is_empty() {
            continue;
        }
        let (hits, section) = (take(&mut hits), take(&mut longest_section));
        if operations % turns == turn {
            profile.operations += 1;
            hits.iter().for_each(|(&address, count)| *profile.all.entry(address).or_default() += count);
            if sum(&hits) > sum(&profile.longest) {
                profile.longest = hits;
            }
            if section.len() as u64 > sum(&profile.masked) {
                profile.masked.clear();
                section.iter().for_each(|&address| *profile.masked.entry(address).or_default() += 1);
            }
        }
        operations += 1;
    }
    bail!("the trace is cut off")
}

fn sum(hits: &Hits) -> u64 {
    hits.values().sum()
}

/// The functions that the instructions are from.
fn tree(image: &Path, profile: &Profile, src: &Path) -> Result<Node> {
    let file = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let elf = ElfFile32::<object::Endianness>::parse(&*file)?;
    let section = |id: addr2line::gimli::SectionId| {
        let data = elf.section_by_name(id.name()).map_or(Ok(&[][..]), |section| section.data());
        data.map(|data| EndianSlice::new(data, LittleEndian))
    };
    let debug = addr2line::Context::from_dwarf(Dwarf::load(section)?)?;
    let mut root = Node::default();
    for (&address, count) in &profile.all {
        let of = |hits: &Hits| hits.get(&address).copied().unwrap_or(0);
        let counts = [*count, of(&profile.longest), of(&profile.masked)];
        let mut node = &mut root;
        node.count(counts);
        for function in functions(&debug, address, src)? {
            node = node.inlined.entry(function).or_default();
            node.count(counts);
        }
    }
    Ok(root)
}

/// The function at an address, and what it is inlined into, outermost first: those of the
/// crate in `src`, or the outermost.
fn functions(debug: &addr2line::Context<EndianSlice<LittleEndian>>, address: u64, src: &Path) -> Result<Vec<String>> {
    let mut frames = debug.find_frames(address).skip_all_loads()?;
    let mut own = Vec::new();
    let mut outermost = "(without debug information)".to_owned();
    while let Some(frame) = frames.next()? {
        let Some(function) = frame.function else { continue };
        let name = short(&format!("{:#}", rustc_demangle::demangle(&function.raw_name()?)));
        let file = frame.location.and_then(|location| location.file);
        if file.is_some_and(|file| Path::new(file).starts_with(src)) && !name.ends_with("{{closure}}") {
            own.push(name);
        } else {
            outermost = name;
        }
    }
    if own.is_empty() {
        own.push(outermost);
    }
    own.reverse();
    own.dedup();
    Ok(own)
}

impl Node {
    fn count(&mut self, [all, longest, masked]: [u64; 3]) {
        self.all += all;
        self.longest += longest;
        self.masked += masked;
    }
}

/// `<twinmap::map::Core<K, V> as Trait<K>>::get`, or
/// `twinmap::write::<impl twinmap::map::Core<K, V>>::get`, as `Core::get`.
fn short(name: &str) -> String {
    let method = name.rsplit("::").next().unwrap_or_default();
    let of_type = name.split_once("<impl ").map(|(_, rest)| rest).or(name.strip_prefix('<'));
    let path = match of_type {
        Some(of_type) => {
            let of_type = of_type.split_once(" for ").map_or(of_type, |(_, rest)| rest);
            let of_type = of_type.split(['<', '>', ' ']).next().unwrap_or_default();
            format!("{of_type}::{method}")
        }
        None => without_generics(name),
    };
    let parts: Vec<_> = path.split("::").filter(|part| !part.is_empty()).collect();
    let first = parts.iter().position(|part| part.starts_with(char::is_uppercase));
    parts[first.unwrap_or(parts.len().saturating_sub(1))..].join("::")
}

fn without_generics(name: &str) -> String {
    let mut depth = 0_usize;
    let outside = |&c: &char| match c {
        '<' => {
            depth += 1;
            false
        }
        '>' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    };
    name.chars().filter(outside).collect()
}

impl Profile {
    /// A line for each function: what it takes with all that is inlined into it, by itself, in the longest
    /// operation, and in the longest section.
    fn text(&self, root: &Node) -> String {
        let mut text = "   mean   alone  longest  masked  function\n".to_owned();
        self.lines(root, "all", 0, &mut text);
        text
    }

    fn lines(&self, node: &Node, name: &str, depth: usize, text: &mut String) {
        let mean = |count: u64| count as f64 / self.operations as f64;
        let alone = node.all - node.inlined.values().map(|node| node.all).sum::<u64>();
        let (all, indent) = (mean(node.all), "  ".repeat(depth));
        *text += &format!("{all:7.1}{:8.1}{:9}{:8}  {indent}{name}\n", mean(alone), node.longest, node.masked);
        // Those of less than an instruction only where they are something of the longest.
        let is_some = |count: u64, of: &Hits| count > 0 && count * 50 >= sum(of);
        let shown = |node: &Node| {
            node.all >= self.operations || is_some(node.longest, &self.longest) || is_some(node.masked, &self.masked)
        };
        let mut inlined: Vec<_> = node.inlined.iter().filter(|(_, node)| shown(node)).collect();
        inlined.sort_by_key(|(_, node)| Reverse(node.all));
        inlined.into_iter().for_each(|(name, node)| self.lines(node, name, depth + 1, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_mcu::{FUNCTIONS, read};
    use crate::cmd::root;

    #[test]
    fn what_is_documented_is_what_was_counted() {
        let counted = read().unwrap().rows;
        let text = fs::read_to_string(root().join(FUNCTIONS)).unwrap();
        assert!(text.starts_with(HEAD));
        for (title, row, about) in DOCUMENTED {
            let section = text.split("\n## ").find_map(|section| section.strip_prefix(title)).unwrap();
            assert!(section.trim_start().starts_with(about), "{title}");
            let figures = &counted[row];
            let mean = (figures["sum"] + CALL * figures["operations"]) as f64 / figures["operations"] as f64;
            let longest = figures["worst"] + CALL;
            let masked = figures["masked"];
            assert!(section.contains(&format!("{mean:7.1}     0.0{longest:9}{masked:8}  all\n")), "{row}");
        }
    }

    #[test]
    fn functions_are_called_by_their_types() {
        for (name, expected) in [
            ("<twinmap::map::Core<K,V,St,L> as twinmap::Some<K>>::get", "Core::get"),
            ("twinmap::write::<impl twinmap::map::Core<K,V,St,L>>::get", "Core::get"),
            ("twinmap::readers::<impl core::ops::Drop for twinmap::readers::Pin>::drop", "Pin::drop"),
            ("twinmap::map::Core<K,V,St,L>::get", "Core::get"),
            ("twinmap::readers::stripe::<u32>", "stripe"),
            ("twinmap::map::Core<K,V,St,L>::get::{{closure}}", "Core::get::{{closure}}"),
        ] {
            assert_eq!(short(name), expected);
        }
    }

    #[test]
    fn of_the_operations_that_have_their_turn_each_address_counts() {
        let words = [(8, 1), (9, 2), (1, 20), (1, 20), (1, 30), (10, 6), (9, 7), (1, 20), (1, 20), (10, 10), (255, 10)];
        let trace: Vec<u8> =
            words.iter().flat_map(|&(kind, rest): &(u64, u64)| (kind << 56 | rest).to_ne_bytes()).collect();
        let hits = |turn, turns| {
            let profile = profile(&trace, turn, turns).unwrap();
            (profile.operations, profile.all, profile.longest)
        };
        assert_eq!(hits(0, 1), (2, [(20, 4), (30, 1)].into(), [(20, 2), (30, 1)].into()));
        assert_eq!(hits(1, 2), (1, [(20, 2)].into(), [(20, 2)].into()));
    }

    #[test]
    fn what_is_inlined_is_shown_below_its_function_if_it_is_something() {
        let node = |all, longest, inlined| Node { all, longest, masked: longest / 10, inlined };
        let tree = node(
            300,
            90,
            [
                ("a".to_owned(), node(100, 80, [("c".to_owned(), node(1, 2, BTreeMap::new()))].into())),
                ("b".to_owned(), node(190, 1, BTreeMap::new())),
            ]
            .into(),
        );
        let profile = Profile { operations: 10, all: Hits::new(), longest: [(0, 101)].into(), masked: [(0, 9)].into() };
        let text = profile.text(&tree);
        let lines: Vec<Vec<_>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [["30.0", "1.0", "90", "9", "all"], ["19.0", "19.0", "1", "0", "b"], ["10.0", "9.9", "80", "8", "a"]]
        );
    }
}
