//! The models of the races, for `SyncMap`.
#![cfg(all(loom, feature = "alloc"))]

#[path = "models/growing.rs"]
mod growing;
#[path = "models/lock.rs"]
mod lock;
mod models;
mod sequential;

use std::ops::RangeInclusive;

use growing::{get_or_insert, insert, update, update_or_insert};
use lock::Lock;
use models::pairs::{EXPUNGED, KNOWN_AND_NOT_COPIED, Start, each_pair, each_pair_within};
use models::{Hashing, Model, Value};
use twinmap::SyncMap;

pub type Map = SyncMap<u32, Value, Lock, Hashing>;

/// Whether a key goes to another table first.
pub const GROWS: bool = true;

/// How many preemptions to explore, at least, for a pair of operations.
pub const OF_A_PAIR: usize = 2;

/// How many to explore where a model asks for `wanted`.
pub fn preemptions(wanted: usize) -> usize {
    wanted
}

/// How far the copy is, and of how many buckets; `None`: there is no `dirty`.
fn copied(model: &Model) -> Option<(usize, usize)> {
    model.map.stats().copy.map(|copy| (copy.done, copy.buckets))
}

/// Key 0 is in `read`; keys 1 to 3 are not, and with the last of them the copy is complete.
fn copied_and_not_promoted(model: &Model) {
    model.insert(0, 10);
    model.map.promote();
    for key in 1..4 {
        model.insert(key, 10 + key);
    }
    assert_eq!((copied(model), model.map.promotions()), (Some((4, 4)), 1));
}

/// How many preemptions to explore where the copy is complete: there are the most executions, for the next insertion
/// promotes.
const COPIED: RangeInclusive<usize> = 1..=3;

/// Both tables lead to it.
#[test]
fn known_and_copied() {
    let start = copied_and_not_promoted;
    each_pair_within(COPIED, ("known, and copied", start, [Some(10), Some(11), Some(12), Some(13)]));
}

#[test]
fn removed_and_copied() {
    const REMOVED: Start = (
        "copied, and removed",
        |model| {
            copied_and_not_promoted(model);
            model.remove(0);
        },
        [None, Some(11), Some(12), Some(13)],
    );
    each_pair_within(COPIED, REMOVED);
}

/// The copy has yet to expunge it.
#[test]
fn removed_and_not_copied() {
    const REMOVED: Start = (
        "removed, and not copied",
        |model| {
            KNOWN_AND_NOT_COPIED.1(model);
            model.remove(0);
            assert_eq!(copied(model), Some((0, 4)));
        },
        [None, Some(11), None, None],
    );
    each_pair(REMOVED);
}

/// Its new entry is under the lock.
#[test]
fn expunged_and_inserted_again() {
    const AGAIN: Start = (
        "expunged, and inserted again",
        |model| {
            EXPUNGED.1(model);
            model.insert(0, 10);
            assert_eq!(model.map.promotions(), 1);
        },
        [Some(10), Some(11), Some(12), None],
    );
    each_pair_within(COPIED, AGAIN);
}
