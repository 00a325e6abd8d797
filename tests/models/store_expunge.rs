//! A fast store against the expunging of its entry.
//!
//! The key is in `read`, DELETED. One thread stores it, which without `amended` needs no lock; the other inserts a new
//! key, which starts a `dirty` and copies: it may expunge the entry at any moment.
//!
//! Guards, in `src/entry.rs`, that both transitions are compare-and-swaps from DELETED (`revive`, `expunge`): with a
//! plain swap in either, the store is lost in an entry that no table leads to; and, in `src/write.rs`, that who
//! fails starts again under the lock.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore, explore_within};
use crate::{GROWS, preemptions};

#[test]
fn store_against_expunge() {
    explore(5, || {
        let model = Model::with_promoted(&[1, 2]);
        model.remove(1);

        let other = Arc::clone(&model);
        let storing = thread::spawn(move || assert_eq!(other.insert(1, 11), None));
        model.insert(3, 30);
        storing.join().unwrap();

        assert_eq!(model.get(1), Some(11));
        assert_eq!(model.get(2), Some(20));
        assert_eq!(model.get(3), Some(30));
        assert_eq!(model.map.len(), 3);
        model.check();
    });
}

/// Two stores and the copy: exactly one of the stores finds the key absent.
#[test]
fn two_stores_against_expunge() {
    // (Three threads that all take the lock: of a `FixedMap`, two preemptions take a minute and a half, and three
    // had not ended in half an hour; of a `SyncMap`, three take a minute.)
    let most = if GROWS { 3 } else { 2 };
    explore_within(preemptions(2)..=preemptions(most) + 1, || {
        let model = Model::with_promoted(&[1]);
        model.remove(1);

        let threads = [11, 12].map(|number| {
            let model = Arc::clone(&model);
            thread::spawn(move || model.insert(1, number))
        });
        model.insert(3, 30);
        let [first, second] = threads.map(|thread| thread.join().unwrap());

        let expected = match (first, second) {
            (None, Some(11)) => 12,
            (Some(12), None) => 11,
            other => panic!("stores that returned {other:?} have no order"),
        };
        assert_eq!(model.get(1), Some(expected));
        model.check();
    });
}
