//! `len`, while keys come and go.
//!
//! Guards, in `src/count.rs`, that a key is counted before it is there and until it is gone: `len` never misses one that
//! was inserted before the call and not removed, and counts none that was removed before it.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore};

#[test]
fn len_against_removal_and_insertion() {
    explore(3, || {
        let model = Model::with_promoted(&[1, 2]);

        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            assert_eq!(other.remove(2), Some(20));
            other.insert(2, 21);
            assert_eq!(other.remove(1), Some(10));
        });
        assert!((1..=2).contains(&model.map.len()));
        model.insert(3, 30);
        assert!((2..=3).contains(&model.map.len()));
        writing.join().unwrap();
        assert_eq!(model.map.len(), 2);
        model.check();
    });
}
