//! How long inserting takes while a map grows from room for 16 keys to 1,048,576: all of it by one thread and by two,
//! and each call. One figure a line, as JSON.

use std::time::{Duration, Instant};

use bench_host::run::Run;
use bench_host::shapes::Growth;
use bench_host::subjects::{Bare, Dash, Papaya, Scc, Spin, Std, Subject, Twin, View};

const INSERTS: u64 = 1_048_576;
const REPETITIONS: usize = 3;

fn main() {
    both::<Twin<u64>>();
    both::<Spin<u64>>();
    both::<Std<u64>>();
    both::<Dash<u64>>();
    both::<Papaya<u64>>();
    both::<Scc<u64>>();
    alone::<Bare<u64>>();
}

fn both<M: Subject<u64> + Sync>() {
    alone::<M>();
    growth::<M>(2, || Run::<_, M>::new(&Growth).together(2, INSERTS));
}

fn alone<M: Subject<u64>>() {
    growth::<M>(1, || Run::<_, M>::new(&Growth).alone(INSERTS));
    each::<M>();
}

fn growth<M: Subject<u64>>(threads: u64, once: impl Fn() -> Duration) {
    let shortest = (0..REPETITIONS).map(|_| once()).min().unwrap_or_default();
    print::<M>("Growth", threads, shortest.as_nanos() as f64 / INSERTS as f64);
}

/// The least of the repetitions' worst: what interrupts a program from outside does not come at the same insert again,
/// and the growing of a table does.
fn each<M: Subject<u64>>() {
    let (mut worst, mut rare) = (u32::MAX, u32::MAX);
    for _ in 0..REPETITIONS {
        let mut times = times::<M>();
        times.sort_unstable();
        worst = worst.min(times[times.len() - 1]);
        // One in ten thousand is above.
        rare = rare.min(times[times.len() - 1 - times.len() / 10_000]);
    }
    print::<M>("WorstInsert", 1, f64::from(worst));
    print::<M>("RareInsert", 1, f64::from(rare));
}

/// Nanoseconds, the reading of the clock included.
fn times<M: Subject<u64>>() -> Vec<u32> {
    let map = M::with_capacity(16);
    let view = map.view();
    // Written to, so that no page of it is missing later.
    let mut times = vec![1; INSERTS as usize];
    for (key, time) in (0..).zip(&mut times) {
        let start = Instant::now();
        view.insert(key, key);
        *time = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
    }
    times
}

fn print<M: Subject<u64>>(shape: &str, threads: u64, value: f64) {
    let figure = serde_json::json!({
        "shape": shape, "threads": threads, "subject": M::NAME, "value": value, "unit": "ns",
    });
    println!("{figure}");
}
