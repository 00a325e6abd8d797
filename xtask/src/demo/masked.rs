//! Makes figures of what the counting plugin wrote down of the demo: how long interrupts were masked, by what was done.

use anyhow::{Context, Result, bail, ensure};

use crate::bench_mcu::Rows;
use crate::bench_mcu::events::{Event, Primask, words};

// Markers: thumbv7-demo/src/marker.rs.
const LOOKUP: u8 = 8;
const INSERTION: u8 = 9;
const REMOVAL: u8 = 10;
const ITERATION: u8 = 11;
const UART: u8 = 12;
const SYSTICK: u8 = 13;
const LOG_PLAYED: u8 = 14;
const END: u8 = 15;

/// Critical sections of the firmware's own, which have to do with no map.
pub const ELSEWHERE: &str = "elsewhere";

/// What the operations are for, by the handler that does them (0: main) and their markers.
pub const OPERATIONS: [(u8, u8, &str); 7] = [
    (UART, LOOKUP, "receive interrupt: look up"),
    (UART, INSERTION, "receive interrupt: store a frame"),
    (SYSTICK, ITERATION, "SysTick: check all time-outs"),
    (0, LOOKUP, "main: look up"),
    (0, ITERATION, "main: iterate over all frames"),
    (0, INSERTION, "main: subscribe"),
    (0, REMOVAL, "main: cancel"),
];

/// What is done, of what began and has not ended: the interrupted come first. What an
/// operation does within is part of it.
fn operation(begun: &[u8]) -> Result<&'static str> {
    let handler = begun.iter().rposition(|&work| work == UART || work == SYSTICK);
    let (context, first) = handler.map_or((0, 0), |place| (begun[place], place + 1));
    let Some(&work) = begun.get(first) else { return Ok(ELSEWHERE) };
    let known = OPERATIONS.iter().find(|operation| (operation.0, operation.1) == (context, work));
    Ok(known.with_context(|| format!("no operation is {work} within {context}"))?.2)
}

/// By operations: how many there were, the longest run of instructions with interrupts masked,
/// and how many were masked in all.
pub fn rows(trace: &[u8]) -> Result<Rows> {
    let mut rows = Rows::new();
    let mut begun = Vec::new();
    let mut primask = Primask::default();
    // The first marker. What comes before, and is read of QEMU's command line, is longer for a longer path.
    let mut start = None;
    // The run that lasts: since when, and whose it is.
    let mut run = None;
    for (kind, instruction) in words(trace)? {
        if (LOOKUP..=END).contains(&kind) {
            start.get_or_insert(instruction);
        }
        match kind {
            LOG_PLAYED => {
                ensure!(begun.is_empty() && run.is_none(), "the log ends within an operation");
                let passed = instruction - start.unwrap_or(instruction);
                rows.entry("all".to_owned()).or_default().insert("instructions".to_owned(), passed);
                return Ok(rows);
            }
            END => drop(begun.pop().context("something ends that did not begin")?),
            LOOKUP..=SYSTICK => {
                let is_outermost = begun.last().is_none_or(|&around| around == UART || around == SYSTICK);
                begun.push(kind);
                if kind < UART && is_outermost {
                    *figure(&mut rows, operation(&begun)?, "operations") += 1;
                }
            }
            _ => match (primask.follow(Event::new(kind)?)?, run) {
                (true, None) => run = Some((instruction, operation(&begun)?)),
                (false, Some((since, operation))) => {
                    // As in bench-mcu: neither what masks nor what unmasks.
                    let masked = instruction - since - 1;
                    *figure(&mut rows, operation, "masked") += masked;
                    let longest = figure(&mut rows, operation, "longest");
                    *longest = masked.max(*longest);
                    run = None;
                }
                _ => {}
            },
        }
    }
    bail!("the log was not played to its end")
}

fn figure<'a>(rows: &'a mut Rows, row: &str, name: &str) -> &'a mut u64 {
    rows.entry(row.to_owned()).or_default().entry(name.to_owned()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_mcu::events::written as trace;

    const READ: u8 = 16;
    const MASK: u8 = 18;
    const UNMASK: u8 = 19;

    fn longest(events: &[(u8, u64)], operation: &str) -> Option<u64> {
        let rows = rows(&trace(&[events, &[(LOG_PLAYED, 0), (255, 0)]].concat())).unwrap();
        rows.get(operation).and_then(|row| row.get("longest").copied())
    }

    #[test]
    fn a_run_is_of_the_operation_that_it_began_in() {
        let events = [(LOOKUP, 0), (MASK, 3), (UNMASK, 9), (END, 0), (MASK, 0), (UNMASK, 2)];
        assert_eq!(longest(&events, "main: look up"), Some(9));
        assert_eq!(longest(&events, ELSEWHERE), Some(2));
        assert_eq!(longest(&events, "main: cancel"), None);
    }

    #[test]
    fn what_an_interrupt_does_is_not_what_it_interrupted() {
        let store = [(UART, 5), (INSERTION, 0), (READ, 1), (MASK, 0), (UNMASK, 7), (END, 0), (END, 0)];
        let events = [&[(ITERATION, 0), (READ, 1)][..], &store, &[(MASK, 1), (UNMASK, 4), (END, 0)]].concat();
        assert_eq!(longest(&events, "receive interrupt: store a frame"), Some(7));
        assert_eq!(longest(&events, "main: iterate over all frames"), Some(4));
    }

    #[test]
    fn a_check_is_one_operation_with_all_that_it_does() {
        let lookup = [(LOOKUP, 0), (MASK, 0), (UNMASK, 8), (END, 0)];
        let events = [&[(SYSTICK, 0), (ITERATION, 0)][..], &lookup, &lookup, &[(END, 0), (END, 0)]].concat();
        let rows = rows(&trace(&[&events[..], &[(LOG_PLAYED, 0), (255, 0)]].concat())).unwrap();
        let row = &rows["SysTick: check all time-outs"];
        assert_eq!([row["operations"], row["longest"], row["masked"]], [1, 8, 16]);
    }

    #[test]
    fn the_log_has_to_end() {
        assert!(rows(&trace(&[(LOOKUP, 0), (END, 0), (255, 0)])).is_err());
        assert!(rows(&trace(&[(LOOKUP, 0), (LOG_PLAYED, 0), (255, 0)])).is_err());
    }
}
