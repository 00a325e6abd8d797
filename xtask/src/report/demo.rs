//! For how long the demo's firmware masks interrupts: a chart, and what README.md says of it.

use anyhow::Result;

use super::FOLDER;
use super::charts::{Bars, Chart};
use super::counts::{decimal, number};
use super::readme::with_block;
use crate::bench_mcu::Record;
use crate::demo::compare::{MAPS, maps};
use crate::demo::masked::OPERATIONS;

const CHART: (&str, &str) = ("demo-masked.svg", "The demo: longest run of instructions with interrupts masked");

/// As the chart calls the maps.
const SERIES: [&str; MAPS.len()] = ["twinmap", "plain map, critical section", "plain map, copied out to iterate"];

/// What the receive interrupt does for a frame.
const RECEIVE: [&str; 2] = [OPERATIONS[0].2, OPERATIONS[1].2];

pub fn chart(record: &Record) -> Result<(String, String)> {
    let maps = maps(&record.rows);
    let bars = |(_, _, operation): (u8, u8, &str)| {
        let values = maps.map(|map| Some(map.longest(operation) as f64)).into();
        Bars { name: operation.to_owned(), values }
    };
    let shown = |value: f64| number(Some(value.round() as u64));
    let bars = OPERATIONS.map(bars).into();
    Ok((format!("{FOLDER}/{}", CHART.0), Chart { title: CHART.1, series: &SERIES, bars, shown }.draw()?))
}

pub fn with_figures(readme: &str, record: &Record) -> Result<String> {
    with_block(readme, "demo", &words(record))
}

fn words(record: &Record) -> String {
    let maps = maps(&record.rows);
    let [ours, section, copied] = maps.map(|map| number(Some(map.longest_of_all())));
    let late = maps.map(|map| decimal(Some(map.late())));
    let frame = maps.map(|map| decimal(Some(RECEIVE.iter().map(|operation| map.mean(operation)).sum())));
    let longer = OPERATIONS.iter().filter(|(_, _, operation)| maps[0].longest(operation) > maps[1].longest(operation));
    let (longer, operations) = (longer.count(), OPERATIONS.len());
    format!(
        "![{}]({FOLDER}/{})\n\n\
         At a stretch, interrupts are masked for at most {ours} instructions with twinmap, {section} with the plain map, and \
         {copied} where it is copied out.\n\
         SysTick, which has the highest priority, came at most {} µs late with twinmap, {} µs with the plain map, and {} µs \
         where it is copied out.\n\
         In {longer} of the {operations} operations twinmap's longest run is longer than the plain map's: a step under its \
         lock takes longer than a lookup or an insertion in a small plain map.\n\
         But most operations mask less, or nothing: on average {} instructions for a frame that is received, and {} with \
         the plain map.\n",
        CHART.1, CHART.0, late[0], late[1], late[2], frame[0], frame[1],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::compare::read;

    /// What the README says in words around the figures: what is no longer so is to be said otherwise.
    #[test]
    fn the_words_are_true() {
        let record = read().unwrap();
        let [ours, section, copied] = maps(&record.rows);
        assert!(ours.longest_of_all() < section.longest_of_all().min(copied.longest_of_all()));
        assert!(ours.late() < section.late().min(copied.late()));
        for operation in RECEIVE {
            assert!(ours.longest(operation) > section.longest(operation), "{operation}: shorter than in a plain map");
            assert!(
                ours.mean(operation) < section.mean(operation),
                "{operation}: longer than in a plain map, on average"
            );
        }
    }
}
