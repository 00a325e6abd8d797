//! What was aimed at on a host, what came of it, and what stands in the way of what was missed.

use super::markdown;
use crate::bench_host::{Figure, SHAPES};

/// A figure: shape, threads and subject.
#[derive(Clone, Copy)]
struct Of(&'static str, u32, &'static str);

/// A figure of twinmap's is to be at most so many times another one.
struct Aim(Of, f64, Of);

/// Aims that the same stands in the way of.
struct Group {
    aims: Vec<Aim>,
    /// Shown if one of them was missed.
    obstacle: &'static str,
}

const TWIN: &str = "twinmap";

fn groups() -> Vec<Group> {
    let hits = |threads, subject| Of("Hits64", threads, subject);
    let pinned = |subject| Of("Hits64", 1, subject);
    let overwrite = |threads, subject| Of("OverwriteHalves", threads, subject);
    let one = |shape, subject| Of(shape, 1, subject);
    vec![
        Group {
            aims: vec![
                Aim(hits(1, TWIN), 0.65, hits(1, "papaya")),
                Aim(hits(1, TWIN), 1.0, hits(1, "spin RwLock")),
                Aim(hits(2, TWIN), 0.65, hits(2, "papaya")),
                Aim(hits(2, TWIN), 1.0 / 1.8, hits(1, TWIN)),
            ],
            obstacle: "\
                **Lookups.** A pin and its end are two locked instructions. By themselves they take 4.3 ns here, as \
                long as the whole lookup: the rest of it is done while the processor waits for them. papaya's has one, \
                at its end: it begins with a plain store to a place of the thread's own, because on Linux its writers \
                have the kernel put a barrier into the other threads (`membarrier`). Firmware has neither such a call \
                nor, in a handler, a thread. Lookups under one pin pay for one.",
        },
        Group {
            aims: vec![
                Aim(pinned("twinmap pinned"), 1.0, pinned("papaya pinned")),
                Aim(pinned("twinmap pinned"), 1.15, pinned("bare")),
            ],
            obstacle: "\
                **Pinned lookups.** A key stays where it is while its values come and go, so that a value is one \
                pointer further away than papaya's, whose entry has both and is replaced as a whole, and two further \
                than that of a table which has both in its slots.",
        },
        Group {
            aims: [1, 2].map(|threads| Aim(overwrite(threads, TWIN), 1.0, overwrite(threads, "scc"))).into(),
            obstacle: "\
                **Overwriting.** Five locked instructions of 2.2 ns each: the pin, taking a spare node, the exchange, \
                the end of the pin, and keeping the old node for the next write. scc has the two of a lock and writes \
                in place; for that, who reads locks, too, and a lookup takes longer. With two threads, each write has \
                to know that nobody else is pinned before the old node can be used again, and so reads the cache line \
                that the other thread has just counted in. Leaving the looking to each 32nd write was measured: 70 \
                instead of 95 ns with two threads, 30 instead of 14.5 with one.",
        },
        Group {
            aims: vec![
                Aim(one("InsertUnique", TWIN), 1.5, one("InsertUnique", "spin RwLock")),
                Aim(one("WorstInsert", TWIN), 0.05, one("WorstInsert", "bare")),
            ],
            obstacle: "\
                **New keys.** Each takes two blocks from the allocator, an entry and a node, 24 and 16 bytes. Nothing \
                but that, 65,536 times, takes 65 ns for a key with glibc's here, several times what a table behind a \
                lock takes for all of it, which has key and value in its slots. The rest are the copies from a table to \
                the next one: a few entries with each insert, each an entry that is not in the cache.",
        },
        Group {
            aims: vec![Aim(one("Memory65536", TWIN), 1.0, one("Memory65536", "papaya"))],
            obstacle: "\
                **Memory.** An entry has 24 bytes (key, slot, and its hash, so that a copy needs no key), a node 16 \
                (value, and the link by which it waits to be freed, so that a removal needs no memory), and a table 16 \
                for each entry when it has just grown; until the next promotion there is the former table, too, which \
                is 8 here. papaya's keys and values are in one block.",
        },
    ]
}

/// Go's own list: the shapes from this one on.
const FIRST_OF_GO: &str = "LoadMostlyHits";

fn go() -> Group {
    let shapes = SHAPES.iter().map(|shape| shape.name).skip_while(|&name| name != FIRST_OF_GO);
    let aims = shapes
        .flat_map(|shape| [1, 2].map(|threads| Aim(Of(shape, threads, TWIN), 0.5, Of(shape, threads, "Go sync.Map"))));
    Group {
        aims: aims.collect(),
        obstacle: "\
                **Go's list.** Removing what isn't there, from a map without a key, is a pin and nothing else: the two \
                locked instructions that Go's garbage collector makes needless. The `Adversarial` ones look for keys \
                that are not there while there is a `dirty`, which takes the lock: with two threads its cache line \
                goes to and fro, at each lookup. (And a table that is three quarters full takes a few slots to say \
                that a key is not there.)",
    }
}

/// A table of the aims, and what stands in the way of those that were missed.
pub fn section(figures: &[Figure]) -> String {
    let (mut rows, mut obstacles) = (Vec::new(), String::new());
    let mut add = |group: Group, show_met: bool| {
        let measured: Vec<_> = group.aims.iter().filter_map(|aim| Some((aim, aim.ratio(figures)?))).collect();
        let missed = measured.iter().filter(|(aim, ratio)| aim.is_missed(*ratio)).count();
        rows.extend(
            measured
                .iter()
                .filter(|(aim, ratio)| show_met || aim.is_missed(*ratio))
                .map(|(aim, ratio)| aim.row(*ratio)),
        );
        if missed > 0 {
            obstacles += &format!("\n{}\n", group.obstacle);
        }
        (missed, measured.len())
    };
    for group in groups() {
        add(group, true);
    }
    let (missed, of) = add(go(), false);
    let header = ["shape, threads", "of", "divided by that of", "is", "at most", ""].map(str::to_owned);
    format!(
        "### What was aimed at\n\n\
         A figure of twinmap's divided by another one of the tables above, and what that was to be at most. Each line of Go's own\n\
         list was to take half the time that Go takes. {missed} of {of} take more; these are shown.\n\n{}{obstacles}",
        markdown(&header, &rows)
    )
}

impl Aim {
    fn ratio(&self, figures: &[Figure]) -> Option<f64> {
        let Self(of, _, to) = self;
        Some(of.find(figures)? / to.find(figures)?)
    }

    fn is_missed(&self, ratio: f64) -> bool {
        ratio > self.1
    }

    fn row(&self, ratio: f64) -> Vec<String> {
        let Self(of, most, to) = self;
        let threads = |n| if n == 1 { "1 thread".to_owned() } else { format!("{n} threads") };
        let beside = if to.1 == of.1 { to.2.to_owned() } else { threads(to.1) };
        let missed = if self.is_missed(ratio) { "missed" } else { "" };
        vec![
            format!("`{}`, {}", of.0, threads(of.1)),
            of.2.to_owned(),
            beside,
            format!("{ratio:.2}"),
            format!("{most:.2}"),
            missed.to_owned(),
        ]
    }
}

impl Of {
    fn find(self, figures: &[Figure]) -> Option<f64> {
        let Self(shape, threads, subject) = self;
        let is = |figure: &&Figure| figure.shape == shape && figure.threads == threads && figure.subject == subject;
        figures.iter().find(is).map(|figure| figure.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(Of(shape, threads, subject): Of, median: f64) -> Figure {
        let [shape, subject, unit] = [shape, subject, "ns"].map(str::to_owned);
        Figure { shape, threads, subject, median, unit, spread: 0.0, rounds: 1 }
    }

    #[test]
    fn what_was_missed_says_so_and_why() {
        let [twin, scc] = [TWIN, "scc"].map(|subject| Of("OverwriteHalves", 1, subject));
        let reason = groups().into_iter().find(|group| group.aims.iter().any(|aim| aim.2.2 == "scc")).unwrap().obstacle;
        let missed = section(&[figure(twin, 3.0), figure(scc, 2.0)]);
        assert!(missed.contains("| `OverwriteHalves`, 1 thread | twinmap | scc | 1.50 | 1.00 | missed |"), "{missed}");
        assert!(missed.contains(reason));
        let met = section(&[figure(twin, 2.0), figure(scc, 2.0)]);
        assert!(met.contains("| 1.00 | 1.00 |  |") && !met.contains(reason), "{met}");
    }

    #[test]
    fn of_gos_list_there_is_what_was_missed() {
        let [of, to] = [TWIN, "Go sync.Map"].map(|subject| Of("Range", 2, subject));
        let text = |ratio| section(&[figure(of, ratio), figure(to, 1.0)]);
        assert!(text(0.5).contains(" 0 of 1 take more") && !text(0.5).contains("`Range`"));
        assert!(
            text(0.6).contains(" 1 of 1 take more")
                && text(0.6).contains("| `Range`, 2 threads | twinmap | Go sync.Map |")
        );
    }
}
