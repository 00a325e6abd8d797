//! Short random histories of several threads are linearizable, says the algorithm of Wing, Gong and Lowe (`todc-utils`).

use std::hash::{Hash, Hasher};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::{cell::RefCell, thread};

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::Action::{self, Call, Response};
use todc_utils::linearizability::history::History;
use todc_utils::specifications::Specification;

use super::{Random, count};
use crate::Map;

const KEYS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Get(usize),
    Insert(usize, u32),
    GetOrInsert(usize, u32),
    Update(usize),
    CompareExchange(usize, u32, u32),
    Remove(usize),
    RemoveIfEven(usize),
    Clear,
}

/// What an operation returned; `None` also when it is called. All return a value or none: the one found, the old
/// one, or the new one (`update`).
type Done = (Op, Option<u32>);

/// What a map is, one operation after the other.
struct Sequential;

impl Specification for Sequential {
    type State = [Option<u32>; KEYS];
    type Operation = Done;

    fn init() -> Self::State {
        Default::default()
    }

    fn apply(&(op, returned): &Done, before: &Self::State) -> (bool, Self::State) {
        let mut state = *before;
        let expected = match op {
            Op::Get(key) => state[key],
            Op::Insert(key, value) => state[key].replace(value),
            Op::GetOrInsert(key, value) => Some(*state[key].get_or_insert(value)),
            Op::Update(key) => {
                state[key] = state[key].map(updated);
                state[key]
            }
            Op::CompareExchange(key, current, new) => {
                if before[key] == Some(current) {
                    state[key] = Some(new);
                }
                before[key]
            }
            Op::Remove(key) => state[key].take(),
            Op::RemoveIfEven(key) => state[key].take_if(|value| *value % 2 == 0),
            Op::Clear => {
                state = Default::default();
                None
            }
        };
        (expected == returned, state)
    }
}

fn updated(value: u32) -> u32 {
    value + 1000
}

thread_local! {
    static RANDOM: RefCell<Random> = RefCell::new(Random::new(1));
}

fn below(end: u64) -> u64 {
    RANDOM.with_borrow_mut(|random| random.below(end))
}

/// A key that lets other threads run in the middle of an operation. All have the same hash.
#[derive(Clone, Copy)]
struct Key(usize);

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

/// `op` on the map, through one of the ways there are; `None`: a `try_` operation that would have had to wait.
fn apply(map: &Map<Key, u32>, op: Op) -> Option<Option<u32>> {
    let variant = below(3);
    Some(match op {
        Op::Get(key) if variant == 0 => map.pin().try_get(&Key(key)).ok()?.copied(),
        Op::Get(key) => map.pin().get(&Key(key)).copied(),
        Op::Insert(key, value) if variant == 0 => map.try_insert(Key(key), value).ok()?.map(|old| *old),
        Op::Insert(key, value) => map.insert(Key(key), value).map(|old| *old),
        Op::GetOrInsert(key, value) => Some(*map.get_or_insert(Key(key), value)),
        Op::Update(key) => map.update(&Key(key), |&value| updated(value)).map(|new| *new),
        Op::CompareExchange(key, current, new) => match map.pin().compare_exchange(&Key(key), &current, new) {
            Ok(old) => Some(*old),
            Err(error) => error.found.copied(),
        },
        Op::Remove(key) if variant == 0 => map.try_remove(&Key(key)).ok()?.map(|old| *old),
        Op::Remove(key) => map.remove(&Key(key)).map(|old| *old),
        Op::RemoveIfEven(key) => map.pin().remove_if(&Key(key), |value| value % 2 == 0).copied(),
        Op::Clear => {
            map.clear();
            None
        }
    })
}

/// An operation at random. Values are small, so that they come again.
fn any_op(keys: u64) -> Op {
    let (key, value) = (below(keys) as usize, below(6) as u32);
    match below(24) {
        0..6 => Op::Get(key),
        6..11 => Op::Insert(key, value),
        11..13 => Op::GetOrInsert(key, value),
        13..15 => Op::Update(key),
        15..18 => Op::CompareExchange(key, value, below(6) as u32),
        18..22 => Op::Remove(key),
        22 => Op::RemoveIfEven(key),
        _ => Op::Clear,
    }
}

/// Lets threads loose on a new map, and returns what they did, in the order of time.
fn record(seed: u64, threads: u64, operations: u64, keys: u64) -> (Vec<(usize, Action<Done>)>, usize) {
    let map = Map::default();
    let (clock, start) = (AtomicUsize::new(0), Barrier::new(threads as usize));
    let run = |thread: u64| {
        RANDOM.set(Random::new(seed * threads + thread + 1));
        let mut log = Vec::new();
        start.wait();
        for _ in 0..operations {
            if below(6) == 0 {
                map.promote();
            }
            let op = any_op(keys);
            let called = clock.fetch_add(1, SeqCst);
            let returned = apply(&map, op);
            let after = clock.fetch_add(1, SeqCst);
            if let Some(returned) = returned {
                log.push((called, (thread as usize, Call((op, None)))));
                log.push((after, (thread as usize, Response((op, returned)))));
            }
        }
        log
    };
    let mut log: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    log.sort_by_key(|&(time, _)| time);
    (log.into_iter().map(|(_, action)| action).collect(), map.promotions())
}

/// How many operations began while another one was under way.
fn overlaps(log: &[(usize, Action<Done>)]) -> usize {
    let is_call = |action: &Action<Done>| matches!(action, Call(_));
    log.windows(2).filter(|pair| is_call(&pair[0].1) && is_call(&pair[1].1)).count()
}

#[test]
fn random_histories_are_linearizable() {
    let (mut overlapping, mut promotions) = (0, 0);
    for (threads, operations, keys) in [(3, 8, 2), (4, 5, 2), (4, 6, 4), (3, 14, 3)] {
        let mut histories = 0;
        let mut seed = 0;
        // As many as there are to be with threads in each other's way, on however few cores.
        while histories < count(400, 4) {
            seed += 1;
            let (log, promoted) = record(seed, threads, operations, keys);
            if log.is_empty() || overlaps(&log) == 0 {
                continue;
            }
            histories += 1;
            overlapping += overlaps(&log);
            promotions += promoted;
            let linearizable = WGLChecker::<Sequential>::is_linearizable(History::from_actions(log.clone()));
            assert!(linearizable, "{log:#?}");
        }
    }
    assert!(overlapping > 0 && promotions > count(400, 4));
}

/// The checker itself sees a value that comes back from the past, and one from nowhere.
#[test]
fn the_checker_rejects_what_is_not_linearizable() {
    let check = |first_read, second_read| {
        let (write, read) = (Op::Insert(0, 1), Op::Get(0));
        WGLChecker::<Sequential>::is_linearizable(History::from_actions(vec![
            (0, Call((write, None))),
            (1, Call((read, None))),
            (1, Response((read, first_read))),
            (1, Call((read, None))),
            (1, Response((read, second_read))),
            (0, Response((write, None))),
        ]))
    };
    assert!(check(None, None) && check(None, Some(1)) && check(Some(1), Some(1)));
    assert!(!check(Some(1), None) && !check(Some(2), Some(2)));
}
