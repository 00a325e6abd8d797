//! A store and a removal against promotion.
//!
//! The keys are in `read` and in `dirty`; one thread writes to them without the lock, while the other promotes, which
//! retires the table that the writes go through.
//!
//! Guards, in `src/dirty.rs`, that `dirty` leads to the same entries as `read` when it is promoted (`step` before
//! `promote_locked`), and that what a promotion frees is exactly the old table and the entries that the copy expunged.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore};

/// Keys 1 and 2 in `read`; key 3 in `dirty` only.
fn amended() -> Arc<Model> {
    let model = Model::with_promoted(&[1, 2]);
    model.insert(3, 30);
    model
}

#[test]
fn store_and_remove_against_promotion() {
    explore(3, || {
        let model = amended();

        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            assert_eq!(other.insert(1, 11), Some(10));
            assert_eq!(other.remove(2), Some(20));
        });
        model.map.promote();
        writing.join().unwrap();

        assert_eq!(model.get(1), Some(11));
        assert_eq!(model.get(2), None);
        assert_eq!(model.get(3), Some(30));
        model.check();
    });
}

/// A key in `dirty` only, while it is promoted: it must be found in one of the tables, and be removed once.
#[test]
fn removal_of_a_new_key_against_promotion() {
    explore(3, || {
        let model = amended();

        let other = Arc::clone(&model);
        let removing = thread::spawn(move || other.remove(3));
        model.map.promote();
        let here = model.remove(3);
        let there = removing.join().unwrap();

        assert_eq!([here, there].into_iter().flatten().collect::<Vec<_>>(), [30]);
        assert_eq!(model.get(3), None);
        assert_eq!(model.map.len(), 2);
        model.check();
    });
}

/// A key that is removed and inserted again, while another thread promotes twice.
#[test]
fn reinsertion_against_promotions() {
    explore(2, || {
        let model = amended();

        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            assert_eq!(other.remove(1), Some(10));
            assert_eq!(other.insert(1, 11), None);
        });
        model.map.promote();
        model.insert(4, 40);
        model.map.promote();
        writing.join().unwrap();

        assert_eq!(model.get(1), Some(11));
        assert_eq!(model.map.len(), 4);
        model.check();
    });
}
