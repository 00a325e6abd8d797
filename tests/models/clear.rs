//! `clear` against a fast store, an insertion and a removal.
//!
//! Guards, in `src/write.rs`, that the walk over the detached tables marks each entry with a swap whose result is
//! looked at (`kill`): whatever a store put there until then is retired once and counted once; and that a store that
//! comes later starts again, in the new tables.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore, more_than_least};
use crate::GROWS;

#[test]
fn clear_against_overwriting() {
    explore(3, || {
        let model = Model::with_promoted(&[1]);

        let other = Arc::clone(&model);
        let storing = thread::spawn(move || other.insert(1, 11));
        model.map.clear();
        let replaced = storing.join().unwrap();

        // Before the clear it replaced the value and is gone; after it, it is a new key and is there.
        match replaced {
            Some(10) => assert_eq!(model.get(1), None),
            None => assert_eq!(model.get(1), Some(11)),
            other => panic!("{other:?} was never stored"),
        }
        assert_eq!(model.map.len(), usize::from(replaced.is_none()));
        model.check();
    });
}

#[test]
fn clear_against_revival_and_removal() {
    explore(2, || {
        let model = Model::with_promoted(&[1, 2]);
        model.remove(1);

        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            assert_eq!(other.insert(1, 11), None);
            other.remove(2)
        });
        model.map.clear();
        writing.join().unwrap();

        let there = model.get(1);
        assert!(there.is_none() || there == Some(11));
        assert_eq!(model.get(2), None);
        assert_eq!(model.map.len(), usize::from(there.is_some()));
        model.check();
    });
}

/// With a `dirty`: entries in both tables, and in `dirty` only, are retired once. (A `FixedMap` has one table; the
/// overwriting is in its pairs, and takes half a minute here.)
#[test]
fn clear_with_dirty_against_insertion() {
    explore(2, || {
        let model = Model::with_promoted(&[1]);
        model.insert(2, 20);

        let other = Arc::clone(&model);
        let inserting = thread::spawn(move || {
            if GROWS || more_than_least() {
                other.insert(2, 21);
            }
            other.insert(3, 30);
        });
        model.map.clear();
        inserting.join().unwrap();

        assert_eq!(model.get(1), None);
        model.check();
    });
}
