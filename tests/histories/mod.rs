//! Histories: what threads did to a map and what it returned, in the order of time; and whether one thread alone
//! could have done it, each operation at one moment between its call and its return. The checker is the algorithm of
//! Wing, Gong and Lowe (`todc-utils`).
//!
//! Used with threads that run for real (`native`), and, by `tests/shuttle_*.rs`, with shuttle's.

#[cfg(not(shuttle))]
mod native;
pub mod planted;

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[cfg(shuttle)]
use shuttle::{sync::Barrier, thread};
#[cfg(not(shuttle))]
use std::{sync::Barrier, thread};

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::Action::{self, Call, Response};
use todc_utils::linearizability::history::History;
use todc_utils::specifications::Specification;

use crate::random::Random;
use crate::sequential::{Op, State, updated};

/// An operation, and what it returned; `None` also when it is called.
type Done = (Op, Option<u32>);

/// For the checker of histories.
struct Sequential;

impl Specification for Sequential {
    type State = State;
    type Operation = Done;

    fn init() -> State {
        Default::default()
    }

    fn apply(&(op, returned): &Done, before: &State) -> (bool, State) {
        let (state, expected) = op.apply(before);
        (expected == returned, state)
    }
}

/// What histories are made of.
pub trait Subject: Sync {
    /// Does `op`, by one of the ways there are, chosen by `variant`. `None`: it would have had to wait, for the lock or
    /// for memory, and did nothing.
    fn apply(&self, op: Op, variant: u64) -> Option<Option<u32>>;

    fn force_promotion(&self);
}

/// The map, with keys that let other threads in.
pub type Map = crate::Map<Key, u32>;

impl Subject for Map {
    fn apply(&self, op: Op, variant: u64) -> Option<Option<u32>> {
        Some(match op {
            Op::Get(key) if variant == 0 => self.pin().try_get(&Key(key)).ok()?.copied(),
            Op::Get(key) => self.pin().get(&Key(key)).copied(),
            Op::Insert(key, value) if variant == 0 => self.try_insert(Key(key), value).ok()?.map(|old| *old),
            Op::Insert(key, value) => self.insert(Key(key), value).map(|old| *old),
            Op::GetOrInsert(key, value) => Some(*self.get_or_insert(Key(key), value)),
            Op::Update(key) => self.update(&Key(key), |&value| updated(value)).map(|new| *new),
            Op::UpdateOrInsert(key, value) if variant == 0 => {
                Some(*self.try_update_or_insert(Key(key), |&value| updated(value), value).ok()?)
            }
            Op::UpdateOrInsert(key, value) => Some(*self.update_or_insert(Key(key), |&value| updated(value), value)),
            Op::CompareExchange(key, current, new) => match self.pin().compare_exchange(&Key(key), &current, new) {
                Ok(old) => Some(*old),
                // No memory while others are pinned: what was found is the expected value, and is still there.
                Err(error) if error.kind.is_some() => return None,
                Err(error) => error.found.copied(),
            },
            Op::Remove(key) if variant == 0 => self.try_remove(&Key(key)).ok()?.map(|old| *old),
            Op::Remove(key) => self.remove(&Key(key)).map(|old| *old),
            Op::RemoveIfEven(key) => self.pin().remove_if(&Key(key), |value| value % 2 == 0).copied(),
            Op::Clear => {
                self.clear();
                None
            }
        })
    }

    fn force_promotion(&self) {
        self.promote();
    }
}

thread_local! {
    /// (shuttle's threads are one of the system's.)
    static RANDOM: RefCell<Random> = RefCell::new(Random::new(1));
}

fn below(end: u64) -> u64 {
    RANDOM.with_borrow_mut(|random| random.below(end))
}

/// A key that lets other threads run in the middle of an operation. All have the same hash.
#[derive(Clone, Copy)]
pub struct Key(usize);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if below(3) == 0 {
            thread::yield_now();
        }
        state.write_u8(0);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // Under the lock as well, which others may spin for: not too often.
        if below(60) == 0 {
            thread::yield_now();
        }
        self.0 == other.0
    }
}

impl Eq for Key {}

/// An operation at random. Values are small, so that they come again.
fn any_op(keys: u64) -> Op {
    let (key, value) = (below(keys) as usize, below(6) as u32);
    match below(24) {
        0..6 => Op::Get(key),
        6..11 => Op::Insert(key, value),
        11..13 => Op::GetOrInsert(key, value),
        13 => Op::Update(key),
        14 => Op::UpdateOrInsert(key, value),
        15..18 => Op::CompareExchange(key, value, below(6) as u32),
        18..22 => Op::Remove(key),
        22 => Op::RemoveIfEven(key),
        _ => Op::Clear,
    }
}

/// How many threads, operations of each, and keys.
#[derive(Clone, Copy)]
pub struct Size {
    pub threads: u64,
    pub operations: u64,
    pub keys: u64,
}

pub const SIZES: [Size; 4] = [
    Size { threads: 3, operations: 8, keys: 2 },
    Size { threads: 4, operations: 5, keys: 2 },
    Size { threads: 4, operations: 6, keys: 4 },
    Size { threads: 3, operations: 14, keys: 3 },
];

pub struct Log(Vec<(usize, Action<Done>)>);

impl Log {
    /// Lets threads loose on a map that is empty.
    pub fn record(map: &impl Subject, seed: u64, size: Size) -> Self {
        let (clock, start) = (AtomicUsize::new(0), Barrier::new(size.threads as usize));
        let run = |thread: u64| {
            RANDOM.set(Random::new(seed * size.threads + thread + 1));
            let mut log = Vec::new();
            start.wait();
            for _ in 0..size.operations {
                if below(6) == 0 {
                    map.force_promotion();
                }
                let op = any_op(size.keys);
                let called = clock.fetch_add(1, SeqCst);
                let returned = map.apply(op, below(3));
                let after = clock.fetch_add(1, SeqCst);
                if let Some(returned) = returned {
                    log.push((called, (thread as usize, Call((op, None)))));
                    log.push((after, (thread as usize, Response((op, returned)))));
                }
            }
            log
        };
        let run = &run;
        let mut log: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..size.threads).map(|thread| scope.spawn(move || run(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        log.sort_by_key(|&(time, _)| time);
        Self(log.into_iter().map(|(_, action)| action).collect())
    }

    pub fn is_linearizable(&self) -> bool {
        self.0.is_empty() || WGLChecker::<Sequential>::is_linearizable(History::from_actions(self.0.clone()))
    }

    #[track_caller]
    pub fn assert_linearizable(&self) {
        assert!(self.is_linearizable(), "{:#?}", self.0);
    }
}
