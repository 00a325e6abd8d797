//! Makes figures of what the counting plugin wrote down, and of the lines that the firmware printed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::events::{Event, Primask, events};
use super::figures::{Figures, Rows};

/// A call and a return lie between the markers of each operation.
pub const CALL: u64 = 2;

/// What is known of the firmware's calibration: name, instructions, masked, and the same with the allocator.
const CALIBRATION: [(&str, [u64; 4]); 5] = [
    ("nothing", [0, 0, 0, 0]),
    ("nops", [10, 0, 10, 0]),
    ("mask", [7, 5, 7, 5]),
    ("nested", [19, 10, 19, 10]),
    ("allocator", [4, 0, 13, 6]),
];

/// Whose instructions they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between operations.
    Outside,
    Map,
    Allocator,
    /// The rig's own, in the midst of an operation.
    Aside,
}

/// Instructions of an operation so far: the map's, and with the allocator's.
#[derive(Clone, Copy, Default)]
struct Clock {
    map: u64,
    all: u64,
}

/// Follows an operation.
pub struct Machine {
    phase: Phase,
    /// At which instruction the last event was.
    last: u64,
    clock: Clock,
    calls: u64,
    /// The allocator's longest call.
    longest_call: u64,
    call_began: u64,
    /// Since when interrupts are masked.
    masked: Option<Clock>,
    longest_masked: Clock,
    primask: Primask,
}

/// What an operation took.
pub struct Operation {
    clock: Clock,
    calls: u64,
    longest_call: u64,
    masked: Clock,
}

impl Machine {
    pub fn new() -> Self {
        Self {
            phase: Phase::Outside,
            last: 0,
            clock: Clock::default(),
            calls: 0,
            longest_call: 0,
            call_began: 0,
            masked: None,
            longest_masked: Clock::default(),
            primask: Primask::default(),
        }
    }

    /// Goes on to the event of this instruction; returns the operation that ends with it.
    pub fn step(&mut self, event: Event, instruction: u64) -> Result<Option<Operation>> {
        let passed = instruction.checked_sub(self.last + 1).context("the instructions are out of order")?;
        self.advance(passed);
        self.last = instruction;
        // The event's own instruction, unless it is a marker. It is not between masking and unmasking: what masks
        // counts before that, and what unmasks after it.
        let before = u64::from(matches!(event, Event::ReadMask | Event::Mask));
        let after = u64::from(matches!(event, Event::WriteMask | Event::Unmask));
        self.advance(before);
        let ended = self.happen(event)?;
        self.advance(after);
        Ok(ended)
    }

    /// Whether instructions are the map's.
    pub fn is_in_map(&self) -> bool {
        self.phase == Phase::Map
    }

    /// Whether interrupts are masked.
    pub fn is_masked(&self) -> bool {
        self.masked.is_some()
    }

    fn advance(&mut self, instructions: u64) {
        match self.phase {
            Phase::Map => {
                self.clock.map += instructions;
                self.clock.all += instructions;
            }
            Phase::Allocator => self.clock.all += instructions,
            Phase::Outside | Phase::Aside => {}
        }
    }

    fn happen(&mut self, event: Event) -> Result<Option<Operation>> {
        match (event, self.phase) {
            (Event::ReadMask | Event::WriteMask | Event::Mask | Event::Unmask, _) => {
                let mask = self.primask.follow(event)?;
                self.set_mask(mask);
            }
            (Event::Begin, Phase::Outside) => {
                ensure!(self.masked.is_none(), "interrupts are masked before the operation");
                *self = Self { phase: Phase::Map, last: self.last, ..Self::new() };
            }
            (Event::End, Phase::Map) => {
                ensure!(
                    self.masked.is_none() && self.primask.is_settled(),
                    "interrupts are still masked after the operation"
                );
                self.phase = Phase::Outside;
                return self.operation().map(Some);
            }
            (Event::Allocator, Phase::Map) => {
                self.phase = Phase::Allocator;
                self.call_began = self.clock.all;
            }
            (Event::Aside, Phase::Allocator) => {
                self.phase = Phase::Aside;
                self.calls += 1;
                self.longest_call = self.longest_call.max(self.clock.all - self.call_began);
            }
            (Event::Resume, Phase::Aside) => self.phase = Phase::Map,
            (Event::Row | Event::Allocator | Event::Aside | Event::Resume, Phase::Outside) => {}
            (event, phase) => bail!("{event:?} within {phase:?}"),
        }
        Ok(None)
    }

    fn set_mask(&mut self, mask: bool) {
        match (mask, self.masked) {
            (true, None) => self.masked = Some(self.clock),
            (false, Some(since)) => {
                self.masked = None;
                self.longest_masked.map = self.longest_masked.map.max(self.clock.map - since.map);
                self.longest_masked.all = self.longest_masked.all.max(self.clock.all - since.all);
            }
            _ => {}
        }
    }

    fn operation(&self) -> Result<Operation> {
        let without_call = |count: u64| count.checked_sub(CALL).context("an operation without a call");
        let clock = Clock { map: without_call(self.clock.map)?, all: without_call(self.clock.all)? };
        let (calls, longest_call) = (self.calls, self.longest_call);
        Ok(Operation { clock, calls, longest_call, masked: self.longest_masked })
    }
}

/// What a row's operations took together.
#[derive(Clone, Default)]
struct Sums {
    operations: u64,
    sum: Clock,
    worst: Clock,
    masked: Clock,
    calls: u64,
    longest_call: u64,
}

impl Sums {
    fn add(&mut self, operation: &Operation) {
        let max = |a: Clock, b: Clock| Clock { map: a.map.max(b.map), all: a.all.max(b.all) };
        self.operations += 1;
        self.sum.map += operation.clock.map;
        self.sum.all += operation.clock.all;
        self.worst = max(self.worst, operation.clock);
        self.masked = max(self.masked, operation.masked);
        self.calls += operation.calls;
        self.longest_call = self.longest_call.max(operation.longest_call);
    }

    /// Those of the allocator only where it was called.
    fn figures(&self) -> Figures {
        let mut figures = BTreeMap::new();
        let mut figure = |name: &str, value| figures.insert(name.to_owned(), value);
        figure("operations", self.operations);
        figure("sum", self.sum.map);
        figure("worst", self.worst.map);
        figure("masked", self.masked.map);
        if self.calls > 0 {
            figure("allocator_calls", self.calls);
            figure("allocator_sum", self.sum.all - self.sum.map);
            figure("allocator_worst", self.longest_call);
            figure("worst_with_allocator", self.worst.all);
            figure("masked_with_allocator", self.masked.all);
        }
        figures
    }
}

/// What the firmware announced, in the order of the markers: for each group the names of its
/// rows, whose operations take turns.
pub fn groups(printed: &str) -> Result<Vec<Vec<String>>> {
    let group = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [size, subject, operations] => {
            Ok(operations.split(',').map(|operation| format!("{size} {subject} {operation}")).collect())
        }
        _ => bail!("not a row: {line}"),
    };
    printed.lines().filter_map(|line| line.strip_prefix("row ")).map(group).collect()
}

/// How many instructions the operations took, in rows by `size subject operation`.
pub fn rows(trace: &[u8], printed: &str) -> Result<Rows> {
    let mut rows = sums(trace, &groups(printed)?)?;
    for (name, known) in CALIBRATION {
        let row = rows.remove(&format!("0 calibration {name}")).with_context(|| format!("no calibration by {name}"))?;
        let Sums { sum, masked, .. } = row;
        let counted = [sum.map, masked.map, sum.all, masked.all];
        ensure!(counted == known, "the rig counts wrongly: {name} takes {known:?} and was counted as {counted:?}");
    }
    Ok(rows.into_iter().map(|(name, sums)| (name, sums.figures())).collect())
}

fn sums(trace: &[u8], groups: &[Vec<String>]) -> Result<BTreeMap<String, Sums>> {
    let mut rows: BTreeMap<String, Sums> = BTreeMap::new();
    let mut machine = Machine::new();
    let mut groups = groups.iter();
    let mut turns: Option<std::iter::Cycle<std::slice::Iter<String>>> = None;
    let mut events = events(trace)?.into_iter();
    for (event, instruction) in &mut events {
        if event == Event::Exit {
            break;
        }
        let operation = machine.step(event, instruction).with_context(|| format!("at instruction {instruction}"))?;
        if event == Event::Row {
            turns = Some(groups.next().context("a row that was not announced")?.iter().cycle());
        }
        if let Some(operation) = operation {
            let row = turns.as_mut().and_then(Iterator::next).context("an operation of no row")?;
            rows.entry(row.clone()).or_default().add(&operation);
        }
    }
    ensure!(groups.next().is_none(), "rows were announced that did not come");
    Ok(rows)
}

/// The bytes that the maps take: in rows by `size subject memory`.
pub fn memory(printed: &str) -> Result<Rows> {
    let row = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [size, subject, own, filled, churned] => {
            let figures = [("static", own), ("heap_filled", filled), ("heap_churned", churned)];
            let figure = |(name, value): (&str, &str)| Ok((name.to_owned(), value.parse().context("not a number")?));
            Ok((format!("{size} {subject} memory"), figures.into_iter().map(figure).collect::<Result<_>>()?))
        }
        _ => bail!("not a map's memory: {line}"),
    };
    printed.lines().filter_map(|line| line.strip_prefix("memory ")).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_mcu::events::written as trace;

    fn figures(events: &[(u8, u64)]) -> Result<Figures> {
        let events = [&[(8, 100)], events, &[(255, 0)]].concat();
        let rows = sums(&trace(&events), &[vec!["row".to_owned()]])?;
        Ok(rows["row"].figures())
    }

    fn of(figures: &[(&str, u64)]) -> Figures {
        figures.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn an_operation_is_what_is_between_its_markers_but_the_call() {
        let twice = figures(&[(9, 5), (10, 12), (9, 9), (10, 7)]).unwrap();
        assert_eq!(twice, of(&[("operations", 2), ("sum", 15), ("worst", 10), ("masked", 0)]));
        assert!(figures(&[(9, 5), (10, 1)]).is_err(), "there was no call");
        assert!(figures(&[(10, 5)]).is_err(), "it did not begin");
    }

    #[test]
    fn masks_nest() {
        let masked = |events: &[(u8, u64)]| figures(&[&[(9, 0)], events, &[(10, 2)]].concat()).map(|row| row["masked"]);
        assert_eq!(masked(&[(18, 1), (19, 7)]).unwrap(), 7);
        assert_eq!(masked(&[(16, 0), (18, 0), (17, 5), (16, 0), (18, 0), (17, 3)]).unwrap(), 5);
        // The inner end does not unmask.
        assert_eq!(masked(&[(16, 0), (18, 0), (16, 1), (18, 0), (17, 2), (17, 3)]).unwrap(), 1 + 2 + 2 + 1 + 3);
        // Where the inner one ends nothing happens, when it is known to be the inner one.
        assert_eq!(masked(&[(16, 0), (18, 0), (16, 1), (18, 2), (19, 3)]).unwrap(), 1 + 1 + 2 + 1 + 3);
        assert!(masked(&[(18, 0)]).is_err(), "it ends masked");
        assert!(masked(&[(18, 0), (17, 0)]).is_err(), "what is written was not read");
    }

    #[test]
    fn the_allocator_and_the_rig_are_kept_apart() {
        let row = figures(&[(9, 0), (11, 4), (16, 0), (18, 0), (17, 20), (12, 1), (13, 50), (10, 8)]).unwrap();
        let map = of(&[("operations", 1), ("sum", 10), ("worst", 10), ("masked", 0)]);
        let allocator = of(&[
            ("allocator_calls", 1),
            ("allocator_sum", 24),
            ("allocator_worst", 24),
            ("worst_with_allocator", 34),
            ("masked_with_allocator", 20),
        ]);
        assert_eq!(row, map.into_iter().chain(allocator).collect());
    }

    #[test]
    fn rows_of_a_group_take_turns() {
        let groups = groups("row 16 A hit\nsomething else\nrow 64 B remove,insert\n").unwrap();
        let events = [
            (8, 0),
            (9, 0),
            (10, 3),
            (8, 0),
            (9, 0),
            (10, 4),
            (9, 0),
            (10, 5),
            (9, 0),
            (10, 6),
            (9, 0),
            (10, 7),
            (255, 0),
        ];
        let rows = sums(&trace(&events), &groups).unwrap();
        let sums: Vec<_> = rows.iter().map(|(name, sums)| (name.as_str(), sums.sum.map)).collect();
        assert_eq!(sums, [("16 A hit", 1), ("64 B insert", 8), ("64 B remove", 6)]);
        assert!(super::sums(&trace(&events[..12]), &groups).is_err(), "cut off");
        assert!(super::sums(&trace(&[(255, 0)]), &groups).is_err(), "no marker");
    }

    #[test]
    fn a_wrong_count_is_an_error() {
        let printed: String = CALIBRATION.iter().map(|(name, _)| format!("row 0 calibration {name}\n")).collect();
        let calibrate = |nops: u64| {
            let events = [
                &[(8, 0), (9, 0), (10, 2), (8, 0), (9, 0), (10, nops + 2)][..],
                &[(8, 0), (9, 0), (18, 0), (19, 5), (10, 2)],
                &[(8, 0), (9, 0), (16, 0), (18, 0), (17, 7), (10, 11)],
                &[(8, 0), (9, 0), (11, 1), (18, 1), (19, 6), (12, 0), (13, 11), (10, 5), (255, 0)],
            ];
            rows(&trace(&events.concat()), &printed)
        };
        assert!(format!("{:#}", calibrate(9).unwrap_err()).contains("nops takes [10, 0, 10, 0]"));
        assert!(format!("{:#}", calibrate(10).unwrap_err()).contains("nested takes"));
    }

    #[test]
    fn memory_is_read_from_what_is_printed() {
        let rows = memory("row 64 A hit\nmemory 64 A 12 100 200\n").unwrap();
        assert_eq!(rows["64 A memory"], of(&[("static", 12), ("heap_filled", 100), ("heap_churned", 200)]));
        assert!(memory("memory 64 A 12 100\n").is_err());
    }
}
