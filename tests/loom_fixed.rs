//! The models of the races, for `FixedMap`, whose pool of cells is lock-free.
#![cfg(all(loom, feature = "heapless"))]

#[path = "models/fixed.rs"]
mod fixed;
#[path = "models/lock.rs"]
mod lock;
mod models;
mod sequential;

use std::sync::Arc;

use fixed::{get_or_insert, insert, update, update_or_insert};
use lock::Lock;
use loom::thread;
use models::pairs::{Start, each_pair};
use models::{Hashing, Model, Value, explore};
use twinmap::{ErrorKind, FixedMap};

/// No larger than the models need. All of their keys are in one chain.
pub type Map = FixedMap<u32, Value, 4, Lock, 2, Hashing>;

/// Whether a key goes to another table first.
pub const GROWS: bool = false;

/// How many preemptions to explore, at least, for a pair of operations.
pub const OF_A_PAIR: usize = 1;

/// How many to explore where a model asks for `wanted`: there are more steps, for a cell is taken and given back by
/// several accesses, each link is one, and who finds no room tries again.
pub fn preemptions(wanted: usize) -> usize {
    (wanted - 1).min(3)
}

fn of_one_key() -> Arc<FixedMap<u32, u32, 1, Lock, 2, Hashing>> {
    Arc::new(FixedMap::with_lock_and_hasher(Lock::default(), Hashing::default()))
}

/// A map of one key, which is removed: whoever has seen that it is gone is not told that the map is full. The removal
/// may still be under way, in which case the map is busy.
///
/// Guards, in `src/write.rs` and `src/dirty.rs`, that each removal begins before the entry ceases to be live, and, in
/// `src/count.rs`, that keys and removals under way are looked at as one word.
fn full_is_never_false(promoted: bool) {
    explore(4, move || {
        let map = of_one_key();
        map.insert(1, 10).unwrap();
        if promoted {
            map.promote();
        }

        let other = Arc::clone(&map);
        let removing = thread::spawn(move || assert_eq!(other.remove(&1).as_deref(), Some(&10)));
        let gone = map.get(&1).is_none();
        let inserted = map.insert(2, 20).map(|old| assert!(old.is_none())).map_err(|error| error.kind);
        match inserted {
            Ok(()) | Err(ErrorKind::Busy) => {}
            Err(kind) => assert_eq!((kind, gone), (ErrorKind::Full, false)),
        }
        removing.join().unwrap();
        map.reclaim();
        assert_eq!(map.len(), usize::from(inserted.is_ok()));
        if inserted.is_err() {
            map.insert(2, 20).expect("there is room now, and nobody is pinned");
        }
        assert_eq!(map.insert(3, 30).map(drop).map_err(|error| error.kind), Err(ErrorKind::Full));
    });
}

#[test]
fn full_is_never_false_while_a_known_key_is_removed() {
    full_is_never_false(true);
}

#[test]
fn full_is_never_false_while_a_recent_key_is_removed() {
    full_is_never_false(false);
}

/// There is room for one of two keys, of which one has an entry already: guards, in `src/write.rs`, that with a limit a
/// removed key comes back under the lock only.
#[test]
fn the_limit_holds_between_two_insertions() {
    explore(4, || {
        let map = of_one_key();
        map.insert(1, 10).unwrap();
        map.promote();
        map.remove(&1);

        let other = Arc::clone(&map);
        let inserting = thread::spawn(move || other.insert(1, 11).is_ok());
        let here = map.insert(2, 20).is_ok();
        let there = inserting.join().unwrap();
        assert!(here != there, "one of them has room");
        assert_eq!((map.len(), map.pin().iter().count()), (1, 1));
    });
}

/// A removal that did not get the lock leaves its entry in the table.
#[test]
fn left_in_the_table() {
    const LEFT: Start = (
        "removed, and left in the table",
        |model| {
            model.insert(0, 10);
            model.insert(1, 11);
            lock::while_it_is_held(|| assert_eq!(model.remove(0), Some(10)));
        },
        [None, Some(11), None, None],
    );
    each_pair(LEFT);
}

/// Guards, in `src/storage/inline/index.rs`, that an entry that is taken out still leads to the rest of its chain; and,
/// in `src/garbage.rs`, that its memory, and with it that link, is used again after a grace period only.
#[test]
fn a_key_is_found_once_while_its_neighbours_come_and_go() {
    explore(3, || {
        let model = Model::with_promoted(&[1, 2, 3]);

        let other = Arc::clone(&model);
        let changing = thread::spawn(move || {
            assert_eq!(other.remove(3), Some(30));
            assert_eq!(other.remove(2), Some(20));
            assert_eq!(other.insert(4, 40), None);
        });
        assert_eq!(model.get(1), Some(10));
        let mut seen: Vec<_> = model.map.pin().keys().copied().collect();
        let stable = seen.iter().filter(|&&key| key == 1).count();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((stable, seen.len()), (1, all), "{seen:?}");
        changing.join().unwrap();
        model.check();
    });
}

/// Two keys next to each other go at once, and each takes its own entry out.
#[test]
fn neighbours_are_removed() {
    explore(5, || {
        let model = Model::with_promoted(&[1, 2, 3]);

        let other = Arc::clone(&model);
        let removing = thread::spawn(move || other.remove(2));
        assert_eq!(model.remove(3), Some(30));
        assert_eq!(removing.join().unwrap(), Some(20));
        assert_eq!((model.get(1), model.get(2), model.get(3)), (Some(10), None, None));
        model.check();
    });
}
