//! A miss against the first insertion, which sets `amended`.
//!
//! Guards, in `src/dirty.rs`, that `seal` sets `amended` before the key is in `dirty`; in `src/map.rs`, that table and
//! flag are loaded as one word; and that every access to both is sequentially consistent: a store that has returned is
//! not overtaken by the same thread's next lookup of another key.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore};
use crate::GROWS;

/// Once the insertion has returned, a miss is an error; before, the key may be there or not, but never be gone again.
#[test]
fn miss_against_first_insertion() {
    explore(5, || {
        let model = Arc::new(Model::new());

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            let first = other.get(1);
            let second = other.get(1);
            assert!(first.is_none() || second == first);
        });
        model.insert(1, 10);
        assert_eq!(model.get(1), Some(10));
        reading.join().unwrap();
        model.check();
    });
}

/// Store buffering: each thread stores one key, then looks up the other's. Not both may miss the other's store.
fn stores_and_lookups_of_two_keys(preemptions: usize, promoted: &'static [u32]) {
    explore(preemptions, move || {
        let model = Model::with_promoted(promoted);

        let other = Arc::clone(&model);
        let there = thread::spawn(move || {
            other.insert(1, 11);
            other.get(2)
        });
        model.insert(2, 21);
        let here = model.get(1);
        let there = there.join().unwrap();
        assert!(here == Some(11) || there == Some(21), "both lookups came before the other's store");
        model.check();
    });
}

/// One of the two is new, and sets `amended`.
#[test]
fn an_overwrite_and_an_insertion_are_not_both_missed() {
    stores_and_lookups_of_two_keys(if GROWS { 4 } else { 5 }, &[1]);
}

/// Both are new.
#[test]
fn two_insertions_are_not_both_missed() {
    stores_and_lookups_of_two_keys(3, &[]);
}

/// No lock is taken.
#[test]
fn two_overwrites_are_not_both_missed() {
    stores_and_lookups_of_two_keys(5, &[1, 2]);
}

/// The insertion promotes a table while a reader misses: the reader's "not amended" must not be paired with the
/// new table or the other way round.
#[test]
fn miss_against_promotion() {
    explore(5, || {
        let model = Arc::new(Model::new());
        model.insert(1, 10);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            assert_eq!(other.get(1), Some(10));
            assert_eq!(other.get(3), None);
        });
        model.map.promote();
        model.insert(2, 20);
        reading.join().unwrap();
        model.check();
    });
}
