//! A registry of counters by name: drivers count what happens, and a reporter reads all of them meanwhile.
//!
//! The map finds the counter; the counting is `fetch_add` on the atomic that is the value. Counters come into being
//! when they are first used, whoever is first.
//!
//! What it costs: to count is a lookup, without the lock once the counter was promoted, and one atomic addition;
//! nothing is stored into the map. Do not `insert`, `update` or `remove` a counter: what is added to the old value
//! meanwhile is lost. To reset one, `swap(0)` its value.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use twinmap::SyncMap;

/// In firmware for a core without compare-and-swap: `portable_atomic::AtomicU32`.
static METRICS: SyncMap<&str, AtomicU32> = SyncMap::new();

fn count(name: &'static str, n: u32) {
    METRICS.get_or_insert_with(name, AtomicU32::default).fetch_add(n, Relaxed);
}

/// What a driver counts now and then, and what it counts all the time.
fn receive(frames: u32) {
    let metrics = METRICS.pin();
    let received = metrics.get_or_insert_with("frames", AtomicU32::default); // Looked up once.
    for frame in 0..frames {
        received.fetch_add(1, Relaxed);
        if frame % 100 == 0 {
            count("errors", 1);
        }
    }
}

fn main() {
    const THREADS: u32 = 4;
    const FRAMES: u32 = 50_000;

    count("starts", 1);
    let stopped = AtomicBool::new(false);
    let reports = thread::scope(|scope| {
        let reporter = scope.spawn(|| {
            let (mut last, mut reports) = (0, 0);
            while !stopped.load(Relaxed) {
                let events = METRICS.pin().values().map(|counter| counter.load(Relaxed)).sum();
                assert!(last <= events, "{events} events after {last}");
                (last, reports) = (events, reports + 1);
                thread::yield_now();
            }
            reports
        });
        let drivers: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| receive(FRAMES))).collect();
        drivers.into_iter().for_each(|driver| driver.join().unwrap());
        stopped.store(true, Relaxed);
        reporter.join().unwrap()
    });

    let metrics = METRICS.pin();
    let total = |name| metrics.get(name).map(|counter| counter.load(Relaxed));
    assert_eq!(total("frames"), Some(THREADS * FRAMES));
    assert_eq!(total("errors"), Some(THREADS * FRAMES / 100));
    assert_eq!(total("starts"), Some(1));
    assert_eq!(metrics.len(), 3);

    let frames = metrics.get("frames").expect("was counted");
    count("frames", 1);
    assert_eq!(frames.load(Relaxed), THREADS * FRAMES + 1, "counted elsewhere than in the value that is in the map");
    println!("metrics: ok: {} frames counted by {THREADS} threads, during {reports} reports", frames.load(Relaxed));
}
