//! Models of the races, for loom, written once: each map has a file beside this directory that says which
//! `Map` is meant, and includes them.
//!
//! Here is what they share: values that count themselves, and the bounds.
//!
//! Reads that race with freeing are found by the library itself: under loom each object that is freed after a grace
//! period has a cell that readers read and the freeing writes (`Lifetime` in `src/sync.rs`).

mod amended;
mod clear;
mod grace;
mod len;
pub mod pairs;
mod promotion;
mod reuse;
mod store_expunge;

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use loom::thread::yield_now;
use twinmap::CompareExchangeError;

use crate::{Map, get_or_insert, insert, update, update_or_insert};

/// Keys hash to themselves, so that a model's tables look the same in each execution.
#[derive(Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u32");
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = u64::from(key);
    }
}

pub type Hashing = BuildHasherDefault<Identity>;

/// A value that is counted while it exists.
pub struct Value {
    pub number: u32,
    alive: Arc<AtomicIsize>,
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert!(self.alive.fetch_sub(1, Ordering::Relaxed) > 0, "a value was dropped twice");
    }
}

/// A map for one execution of a model, and the count of its values.
pub struct Model {
    pub map: Map,
    alive: Arc<AtomicIsize>,
}

impl Model {
    pub fn new() -> Self {
        let map = Map::with_lock_and_hasher(Default::default(), Hashing::default());
        Self { map, alive: Arc::new(AtomicIsize::new(0)) }
    }

    /// With these keys in `read`, each with ten times itself as its value.
    pub fn with_promoted(keys: &[u32]) -> Arc<Self> {
        let model = Self::new();
        for key in keys {
            model.insert(*key, 10 * key);
        }
        model.map.promote();
        Arc::new(model)
    }

    pub fn value(&self, number: u32) -> Value {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Value { number, alive: Arc::clone(&self.alive) }
    }

    pub fn insert(&self, key: u32, number: u32) -> Option<u32> {
        insert(&self.map, key, self.value(number))
    }

    pub fn get_or_insert(&self, key: u32, number: u32) -> u32 {
        get_or_insert(&self.map, key, self.value(number))
    }

    pub fn update_or_insert(&self, key: u32, f: impl Fn(u32) -> u32, number: u32) -> u32 {
        update_or_insert(&self.map, key, |value| self.value(f(value.number)), self.value(number))
    }

    pub fn update(&self, key: u32, f: impl Fn(u32) -> u32) -> Option<u32> {
        update(&self.map, key, |value| self.value(f(value.number)))
    }

    /// Replaces the value of a key that is there by the next one.
    pub fn increment(&self, key: u32) {
        self.update(key, |number| number + 1).expect("the key is there");
    }

    /// Returns what was found.
    pub fn compare_exchange(&self, key: u32, current: u32, new: u32) -> Option<u32> {
        loop {
            match self.map.pin().compare_exchange(&key, &self.value(current), self.value(new)) {
                Ok(old) => return Some(old.number),
                Err(CompareExchangeError { found, kind: None, .. }) => return found.map(|value| value.number),
                // While somebody else is pinned there may be no room.
                Err(_) => yield_now(),
            }
        }
    }

    pub fn remove(&self, key: u32) -> Option<u32> {
        self.map.remove(&key).map(|old| old.number)
    }

    pub fn get(&self, key: u32) -> Option<u32> {
        self.map.get(&key).map(|value| value.number)
    }

    /// With all threads joined: `len` is right, and nothing is kept that is not reachable.
    pub fn check(&self) {
        self.map.reclaim();
        assert!(self.map.garbage().is_empty(), "garbage is left with nobody pinned: {:?}", self.map.garbage());
        let entries = self.map.pin().iter().count();
        assert_eq!(self.map.len(), entries, "len drifted");
        self.map.reclaim();
        assert_eq!(self.alive.load(Ordering::Relaxed), entries as isize, "values leaked or were dropped early");
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.map.clear();
            assert_eq!(self.alive.load(Ordering::Relaxed), 0, "values leaked");
        }
    }
}

/// Explores a model with at most `preemptions` switches away from a thread that could go on (fewer if
/// the map has too many steps), or one more if `LOOM_MAX_PREEMPTIONS` asks for it: with each, there are
/// some ten times as many executions.
///
/// A thread that blocks is not counted. Most faults in lock-free algorithms need one or two preemptions (Musuvathi and
/// Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded Programs", PLDI 2007).
pub fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let preemptions = crate::preemptions(preemptions);
    explore_within(preemptions..=preemptions + 1, model);
}

/// As [`explore`], with the least and the largest number of preemptions: for what takes long with the least that others
/// have.
pub fn explore_within(preemptions: RangeInclusive<usize>, model: impl Fn() + Sync + Send + 'static) {
    let executions = executions(preemptions, model);
    assert!(executions > 10, "the model has next to nothing to explore");
}

/// Whether `LOOM_MAX_PREEMPTIONS` asks for more than the least.
pub fn more_than_least() -> bool {
    loom::model::Builder::new().preemption_bound.is_some()
}

/// Explores a model with the least of these numbers of preemptions, or with more if `LOOM_MAX_PREEMPTIONS` asks for it;
/// returns how many executions there were.
pub fn executions(preemptions: RangeInclusive<usize>, model: impl Fn() + Sync + Send + 'static) -> isize {
    check(preemptions, Box::new(model))
}

/// (What loom makes of a model is compiled once, not for each.)
fn check(preemptions: RangeInclusive<usize>, model: Box<dyn Fn() + Sync + Send>) -> isize {
    let mut builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.unwrap_or(0).clamp(*preemptions.start(), *preemptions.end());
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    let executions = Arc::new(AtomicIsize::new(0));
    let count = Arc::clone(&executions);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = executions.load(Ordering::Relaxed);
    println!("{executions} executions with at most {preemptions} preemptions");
    executions
}
