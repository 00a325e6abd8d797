//! Every pair of operations on one key, from every state that a key can be in: what the two return, and what is in the
//! map afterwards, is as if one had come after the other.
//!
//! | | get | insert | get_or_insert | update | update_or_insert | compare_exchange | remove | remove_if | clear | iterate | retain | promote |
//! |---|---|---|---|---|---|---|---|---|---|---|---|---|
//! | get | + | + | + | + | + | + | + | + | + | + | + | + |
//! | insert | | + | + | + | + | + | + | + | + | + | + | + |
//! | get_or_insert | | | + | + | + | + | + | + | + | + | + | + |
//! | update | | | | + | + | + | + | + | + | + | + | + |
//! | update_or_insert | | | | | + | + | + | + | + | + | + | + |
//! | compare_exchange | | | | | | + | + | + | + | + | + | + |
//! | remove | | | | | | | + | + | + | + | + | + |
//! | remove_if | | | | | | | | + | + | + | + | + |
//! | clear | | | | | | | | | + | + | + | + |
//! | iterate | | | | | | | | | | + | + | + |
//! | retain | | | | | | | | | | | + | + |
//! | promote | | | | | | | | | | | | + |
//!
//! Each `+` is explored by [`each_pair`], from each [state](Start), for both storages. What is not in the table is
//! one of these: `contains_key` and `get_key_value` are `get`; the `try_` forms are the same code with a lock that is
//! tried, which leaves early or does the same; `extend` is `insert`, and what prints or serializes a map is `iterate`,
//! or less; `stats` looks at counts; `reclaim`, and dropping the guard of a write, free as any write does (and
//! `reclaim` ends each model); `len` and `garbage` touch no slot (what `len` promises is in the module `len`);
//! `get_mut`, `drain` and the like have the map to themselves.
//!
//! Two threads, an operation each, and at most two preemptions (where all is copied, of a `FixedMap`, and with
//! `CriticalSectionLock`, one), or, if `LOOM_MAX_PREEMPTIONS` asks for more, up to three: there are hundreds of models,
//! and some would have ten million executions. Three threads, and several operations of each, are in the files beside
//! this one, for the races that need them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use loom::thread;

use super::{Model, executions};
use crate::sequential::{KEYS, Op, State, updated};

/// The key that both operations are on.
const KEY: usize = 0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Do(Op),
    /// Returns what it sees of the key.
    Iterate,
    /// But not the key, if its value is even.
    Retain,
    Promote,
}

const ACTS: [Act; 12] = [
    Act::Do(Op::Get(KEY)),
    Act::Do(Op::Insert(KEY, 1)),
    Act::Do(Op::GetOrInsert(KEY, 2)),
    Act::Do(Op::Update(KEY)),
    Act::Do(Op::UpdateOrInsert(KEY, 4)),
    Act::Do(Op::CompareExchange(KEY, 10, 3)),
    Act::Do(Op::Remove(KEY)),
    Act::Do(Op::RemoveIfEven(KEY)),
    Act::Do(Op::Clear),
    Act::Iterate,
    Act::Retain,
    Act::Promote,
];

impl Act {
    fn on(self, model: &Model) -> Option<u32> {
        let key = KEY as u32;
        match self {
            Act::Do(Op::Get(_)) => model.get(key),
            Act::Do(Op::Insert(_, value)) => model.insert(key, value),
            Act::Do(Op::GetOrInsert(_, value)) => Some(model.get_or_insert(key, value)),
            Act::Do(Op::Update(_)) => model.update(key, updated),
            Act::Do(Op::UpdateOrInsert(_, value)) => Some(model.update_or_insert(key, updated, value)),
            Act::Do(Op::CompareExchange(_, current, new)) => model.compare_exchange(key, current, new),
            Act::Do(Op::Remove(_)) => model.remove(key),
            Act::Do(Op::RemoveIfEven(_)) => {
                model.map.pin().remove_if(&key, |value| value.number % 2 == 0).map(|value| value.number)
            }
            Act::Do(Op::Clear) => {
                model.map.clear();
                None
            }
            Act::Iterate => model.map.pin().iter().find(|&(&other, _)| other == key).map(|(_, value)| value.number),
            Act::Retain => {
                model.map.pin().retain(|&other, value| other != key || value.number % 2 != 0);
                None
            }
            Act::Promote => {
                model.map.promote();
                None
            }
        }
    }

    fn on_state(self, state: &State) -> (State, Option<u32>) {
        match self {
            Act::Do(op) => op.apply(state),
            Act::Iterate => Op::Get(KEY).apply(state),
            Act::Retain => (Op::RemoveIfEven(KEY).apply(state).0, None),
            Act::Promote => (*state, None),
        }
    }
}

/// A state: its name, how a map comes into it, and what is in it then. (Not asked of the map: a
/// lookup could be what promotes it.)
pub type Start = (&'static str, fn(&Model), State);

const EMPTY: Start = ("empty", |_| {}, [None; KEYS]);

/// It is only found under the lock.
const RECENT: Start = (
    "recent",
    |model| {
        model.insert(0, 10);
    },
    [Some(10), None, None, None],
);

const ABSENT_WITH_OTHERS: Start = (
    "absent, with others under the lock",
    |model| {
        model.insert(1, 11);
    },
    [None, Some(11), None, None],
);

const KNOWN: Start = (
    "known",
    |model| {
        model.insert(0, 10);
        model.map.promote();
    },
    [Some(10), None, None, None],
);

pub const KNOWN_AND_NOT_COPIED: Start = (
    "known, and not copied",
    |model| {
        model.insert(0, 10);
        model.map.promote();
        model.insert(1, 11);
    },
    [Some(10), Some(11), None, None],
);

const REMOVED: Start = (
    "removed",
    |model| {
        model.insert(0, 10);
        model.map.promote();
        model.remove(0);
    },
    [None; KEYS],
);

pub const EXPUNGED: Start = (
    "expunged",
    |model| {
        model.insert(0, 10);
        model.map.promote();
        model.remove(0);
        model.insert(1, 11);
        model.insert(2, 12);
        assert_eq!(model.map.promotions(), usize::from(crate::GROWS), "what is copied is not `read` yet");
    },
    [None, Some(11), Some(12), None],
);

pub fn each_pair(start: Start) {
    each_pair_within(crate::OF_A_PAIR..=3, start);
}

/// With the least and the largest number of preemptions.
pub fn each_pair_within(preemptions: RangeInclusive<usize>, start: Start) {
    let mut explored = 0;
    for (i, first) in ACTS.into_iter().enumerate() {
        for second in &ACTS[i..] {
            let second = *second;
            println!("{}: {first:?}, {second:?}", start.0);
            explored += executions(preemptions.clone(), move || pair(start, first, second));
        }
    }
    assert!(explored > 50 * ACTS.len() as isize, "next to nothing was explored: {explored} executions");
}

fn pair((_, start, before): Start, first: Act, second: Act) {
    let model = Model::new();
    start(&model);
    let model = Arc::new(model);

    let other = Arc::clone(&model);
    let there = thread::spawn(move || second.on(&other));
    let here = first.on(&model);
    let there = there.join().unwrap();
    let after = state(&model);

    let one = |first: Act, second: Act| {
        let (between, returned) = first.on_state(&before);
        let (after, then) = second.on_state(&between);
        (after, returned, then)
    };
    let forward = one(first, second);
    let (then, second_returned, first_returned) = one(second, first);
    let backward = (then, first_returned, second_returned);
    let seen = (after, here, there);
    assert!(seen == forward || seen == backward, "{seen:?} is neither {forward:?} nor {backward:?}");
    model.check();
}

fn state(model: &Model) -> State {
    let mut state = [None; KEYS];
    for (key, slot) in (0..).zip(&mut state) {
        *slot = model.get(key);
    }
    state
}

#[test]
fn empty() {
    each_pair(EMPTY);
}

#[test]
fn recent() {
    each_pair(RECENT);
}

#[test]
fn absent_with_others() {
    each_pair(ABSENT_WITH_OTHERS);
}

#[test]
fn known() {
    each_pair(KNOWN);
}

#[test]
fn known_and_not_copied() {
    each_pair(KNOWN_AND_NOT_COPIED);
}

#[test]
fn removed() {
    each_pair(REMOVED);
}

#[test]
fn expunged() {
    each_pair(EXPUNGED);
}
