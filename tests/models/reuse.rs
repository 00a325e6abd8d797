//! Two writers and a node that is used again (ABA).
//!
//! A writer loads the node in a slot, is overtaken by two stores of which the second could use that node's memory
//! again, and then compares: its compare-and-swap must not succeed on the new value.
//!
//! Guards, in `src/garbage.rs`, that a node goes back to the pool after a grace period only, and, in `src/write.rs`,
//! that whoever compares is pinned since before it loaded the node.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore};

#[test]
fn updates_are_not_lost() {
    explore(3, || {
        let model = Arc::new(Model::new());
        model.insert(1, 0);
        model.map.promote();

        let other = Arc::clone(&model);
        let updating = thread::spawn(move || {
            for _ in 0..2 {
                other.increment(1);
            }
        });
        model.increment(1);
        updating.join().unwrap();
        assert_eq!(model.get(1), Some(3));
        model.check();
    });
}

/// The conditional removal decides on a value that another thread replaces twice, by the same number in the end.
#[test]
fn conditional_removal_against_two_stores() {
    explore(3, || {
        let model = Model::with_promoted(&[1]);

        let other = Arc::clone(&model);
        let storing = thread::spawn(move || {
            other.insert(1, 11);
            other.insert(1, 12)
        });
        let removed = model.map.pin().remove_if(&1, |value| value.number == 11).map(|value| value.number);
        let replaced = storing.join().unwrap();

        match removed {
            Some(11) => assert_eq!(replaced, None),
            None => assert_eq!(replaced, Some(11)),
            other => panic!("removed {other:?}, which the condition excludes"),
        }
        assert_eq!(model.get(1), Some(12));
        model.check();
    });
}
