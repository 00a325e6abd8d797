//! Scenarios too large for loom, in schedules that shuttle chooses: at random, and by probabilistic concurrency testing
//! (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010), which
//! finds a fault that needs `DEPTH` orders of steps with a probability that has a lower bound.
//!
//! Every access to an atomic is a point where another thread may go on. They all are sequentially consistent here:
//! weaker orders are loom's. `TWINMAP_SCHEDULES` says how many schedules of each there are to be.

#[path = "../models/lock.rs"]
mod lock;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread;
use shuttle::{Config, Runner};

pub use lock::Lock;

use crate::histories::{self, Log, SIZES, Subject, planted};

const DEPTH: usize = 4;

fn schedules() -> usize {
    std::env::var("TWINMAP_SCHEDULES").map_or(5_000, |n| n.parse().expect("a number"))
}

fn run(scheduler: impl Scheduler + 'static, scenario: &Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    // (Orders weaker than SeqCst: see the header.)
    config.silence_warnings = true;
    let scenario = Arc::clone(scenario);
    Runner::new(scheduler, config).run(move || scenario());
}

/// Runs a scenario in schedules of both kinds.
fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    run(RandomScheduler::new(schedules()), &scenario);
    run(PctScheduler::new(DEPTH, schedules()), &scenario);
}

/// A history of one of the sizes, on a new map.
fn history<M: Subject + Default>() -> Log {
    let seed = thread_rng().r#gen::<u64>() >> 8;
    Log::record(&M::default(), seed, SIZES[seed as usize % SIZES.len()])
}

#[test]
fn histories_are_linearizable() {
    explore(|| history::<histories::Map>().assert_linearizable());
}

/// Whether a map with a fault is found out, by schedules of either kind.
#[track_caller]
fn assert_found<M: Subject + Default + 'static>() {
    let found = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&found);
    explore(move || {
        count.fetch_add(usize::from(!history::<M>().is_linearizable()), SeqCst);
    });
    assert!(found.load(SeqCst) > 0, "no history shows the fault");
}

#[test]
fn a_stale_read_is_found() {
    assert_found::<planted::StaleRead>();
}

#[test]
fn a_lost_update_is_found() {
    assert_found::<planted::LostUpdate>();
}

#[test]
fn a_resurrected_key_is_found() {
    assert_found::<planted::Resurrection>();
}

/// A value that knows whether it is there, and is counted.
struct Value {
    number: u32,
    alive: Arc<AtomicUsize>,
}

impl Value {
    fn new(number: u32, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self { number, alive: Arc::clone(alive) }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert_ne!(self.number, u32::MAX, "dropped twice");
        self.number = u32::MAX;
        self.alive.fetch_sub(1, SeqCst);
    }
}

type Values = crate::Map<u32, Value>;

/// Readers that keep what they found, while others overwrite, remove, insert, promote and clear: what was found stays
/// as it is, and in the end nothing is left that the map does not lead to.
#[test]
fn what_is_pinned_is_not_freed_and_all_else_is() {
    const KEYS: u32 = 3;
    explore(|| {
        let (map, alive) = (Arc::new(Values::default()), Arc::new(AtomicUsize::new(0)));
        let write = |map: &Values, alive: &Arc<AtomicUsize>| {
            for _ in 0..5 {
                let key = thread_rng().gen_range(0..KEYS);
                match thread_rng().gen_range(0..8) {
                    0..4 => drop(map.insert(key, Value::new(key, alive))),
                    4..6 => drop(map.remove(&key)),
                    6 => map.promote(),
                    _ => map.clear(),
                }
            }
        };
        let writers = [0, 1].map(|_| {
            let (map, alive) = (Arc::clone(&map), Arc::clone(&alive));
            thread::spawn(move || write(&map, &alive))
        });
        let readers = [0, 1].map(|_| {
            let map = Arc::clone(&map);
            thread::spawn(move || {
                for _ in 0..2 {
                    let pin = map.pin();
                    let found: Vec<_> = (0..KEYS).filter_map(|key| Some((key, pin.get(&key)?))).collect();
                    thread::yield_now();
                    found.iter().for_each(|(key, value)| assert_eq!(value.number, *key, "freed under a pin"));
                }
            })
        });
        writers.into_iter().chain(readers).for_each(|thread| thread.join().unwrap());

        map.reclaim();
        assert!(map.garbage().is_empty(), "nobody is pinned: {:?}", map.garbage());
        let entries = map.pin().iter().map(|(key, value)| assert_eq!(value.number, *key)).count();
        map.reclaim();
        assert_eq!((map.len(), alive.load(SeqCst)), (entries, entries));
        drop(map);
        assert_eq!(alive.load(SeqCst), 0, "leaked");
    });
}

/// Iterations while keys come and go, the tables grow and are copied step by step: keys that stay come once in each.
#[test]
fn an_iteration_gives_each_stable_key_once() {
    const STABLE: u32 = 2;
    explore(|| {
        let (map, alive) = (Arc::new(Values::default()), Arc::new(AtomicUsize::new(0)));
        (0..STABLE).for_each(|key| drop(map.insert(key, Value::new(key, &alive))));
        let writers = [STABLE, STABLE + 1].map(|key| {
            let (map, alive) = (Arc::clone(&map), Arc::clone(&alive));
            thread::spawn(move || {
                for _ in 0..3 {
                    map.insert(key, Value::new(key, &alive));
                    map.insert(key % STABLE, Value::new(key % STABLE, &alive));
                    map.remove(&key);
                }
            })
        });
        for _ in 0..2 {
            let pin = map.pin();
            let mut keys: Vec<_> = pin.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "a key twice: {keys:?}");
            assert_eq!(keys.iter().filter(|&&key| key < STABLE).count(), STABLE as usize, "{keys:?}");
        }
        writers.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(map.len(), STABLE as usize);
    });
}
