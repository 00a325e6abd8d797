//! What several contexts (`main` and interrupts, or threads) do to one map at the same time, and what must come of it
//! in the end: each counts in plain variables of its own what the map told it that it did.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use twinmap::storage::Storage;
use twinmap::{ErrorKind, FxBuildHasher, InsertError, Ref, ScopedRawMutex, TwinMap};

use crate::value::{Value, living};

mod context;
mod subject;

pub use context::{Context, Hooks};
pub use subject::Subject;

pub type Map<St, L> = TwinMap<u32, Value, St, L, FxBuildHasher>;

/// How many contexts there are.
pub const CONTEXTS: usize = 4;

/// The keys, from 0: those that all contexts count in; those that are always there, and overwritten by all; those that
/// all insert and remove; and those that one context alone inserts and removes.
const COUNTERS: u32 = 4;
const STABLE: u32 = COUNTERS + 8;
const CONTENDED: u32 = STABLE + 8;
const OWN: u32 = 8;

/// So many keys there are; a map of this capacity may never say that it is full.
pub const KEYS: usize = (CONTENDED + OWN * CONTEXTS as u32) as usize;

/// What a context does, and how its operations went.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    pub operations: u32,
    /// The lock was held, and the context must not wait.
    pub would_block: u32,
    /// There was no memory, since somebody was pinned.
    pub busy: u32,
    /// Another context changed the value between a look at it and a `compare_exchange`.
    pub overtaken: u32,
    /// A value was replaced while it was held.
    pub outlived: u32,
}

/// The operations that each context has done, for the others to see.
static DONE: [AtomicU32; CONTEXTS] = [const { AtomicU32::new(0) }; CONTEXTS];

/// The operations that all of them have done.
pub fn done() -> u32 {
    DONE.iter().map(|done| done.load(Relaxed)).sum()
}

/// Fills the map, which is empty.
pub fn set_up<S: Subject>() {
    DONE.iter().for_each(|done| done.store(0, Relaxed));
    for key in 0..STABLE {
        assert!(S::insert(key, Value::new(key, 0)).is_ok_and(|old| old.is_none()));
    }
    S::map().promote();
}

/// Compares the map with what the contexts counted, now that they have stopped. `before` is the number
/// of values from before [`set_up`].
pub fn check<S: Subject>(contexts: &[&Context; CONTEXTS], before: usize) -> Tally {
    let map = S::map();
    map.reclaim();
    assert!(map.garbage().is_empty(), "garbage that nobody holds: {:?}", map.garbage());
    for counter in 0..COUNTERS {
        let counted: u32 = contexts.iter().map(|context| context.counted(counter)).sum();
        let value = map.get(&counter).expect("a counter is never removed");
        assert_eq!(value.number_of(counter), counted, "counter {counter}");
    }
    contexts.iter().for_each(|context| context.check_own::<S>());
    let balance: i32 = contexts.iter().map(|context| context.balance()).sum();
    assert_eq!(map.len() as i32, STABLE as i32 + balance, "keys inserted, minus those removed");
    assert_eq!(iterate(map) as usize, map.len());
    assert_eq!(living() - before, map.len(), "values that were dropped twice, or not at all");

    // No memory was lost either: all keys find room.
    for key in 0..KEYS as u32 {
        assert!(S::insert(key, Value::new(key, 0)).is_ok(), "no room for key {key}");
    }
    assert_eq!(map.len(), KEYS);
    map.clear();
    map.reclaim();
    assert!(map.is_empty() && map.garbage().is_empty());
    assert_eq!(living(), before);

    let tallies = contexts.map(|context| context.tally);
    let sum = |what: fn(&Tally) -> u32| tallies.iter().map(what).sum();
    Tally {
        operations: sum(|tally| tally.operations),
        would_block: sum(|tally| tally.would_block),
        busy: sum(|tally| tally.busy),
        overtaken: sum(|tally| tally.overtaken),
        outlived: sum(|tally| tally.outlived),
    }
}

/// Iterates, and returns how many keys there were. Each stable one comes once, and no other one twice.
fn iterate<St: Storage<u32, Value>, L: ScopedRawMutex>(map: &Map<St, L>) -> u32 {
    let mut seen = 0_u64;
    for (&key, value) in &map.pin() {
        value.number_of(key);
        assert_eq!(seen >> key & 1, 0, "key {key} came twice");
        seen |= 1 << key;
    }
    let stable = (1 << STABLE) - 1;
    assert_eq!(seen & stable, stable, "a key that is always there did not come");
    seen.count_ones()
}

type Inserted = Result<Option<Ref<'static, u32, Value>>, InsertError<u32, Value>>;
type Updated = Result<Option<Ref<'static, u32, Value>>, ErrorKind>;
