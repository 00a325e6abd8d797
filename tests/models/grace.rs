//! A reader's pin against retiring and freeing: both phases, and the flip between them.
//!
//! Guards, in `src/readers.rs`: the fence in `pin` and the fence in `poll` (without either, a reader's increment and
//! its loads can pass the writer's unlinking and its look at the counter: the reader then uses what was freed); that
//! `poll` looks at both phases; and `Release` in the unpin with `Acquire` in `poll`.

use std::sync::Arc;

use loom::thread;

use super::{Model, explore};

#[test]
fn reader_against_overwriting() {
    explore(5, || {
        let model = Model::with_promoted(&[1]);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            let number = other.get(1);
            assert!(number == Some(10) || number == Some(11));
        });
        model.insert(1, 11);
        reading.join().unwrap();
        model.check();
    });
}

#[test]
fn reader_against_promotion_and_removal() {
    explore(5, || {
        let model = Model::with_promoted(&[1]);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            let pinned = other.map.pin();
            if let Some(value) = pinned.get(&1) {
                assert_eq!(value.number, 10);
                // Still the same after another lookup under the same pin.
                let _ = pinned.get(&1);
                assert_eq!(value.number, 10);
            }
        });
        model.remove(1);
        model.map.promote();
        reading.join().unwrap();
        model.check();
    });
}

/// A pin keeps phase 0 above zero: the first poll finds phase 1 empty and flips. The reader that comes then may count
/// in either phase, and the older pin goes.
#[test]
fn readers_in_both_phases() {
    explore(5, || {
        let model = Model::with_promoted(&[1]);

        let old = model.map.pin();
        // What this unlinks has to wait for `old`; its poll flips.
        model.insert(1, 11);
        assert_eq!(model.map.garbage().values, 1);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            let number = other.get(1);
            assert!(number == Some(11) || number == Some(12));
        });
        drop(old);
        model.insert(1, 12);
        reading.join().unwrap();
        model.check();
    });
}

/// The reader may have loaded the phase before the flip and count late, in a phase that the writer itself no longer
/// writes to: nothing but the two fences orders the two.
#[test]
fn reader_with_a_stale_phase() {
    explore(5, || {
        let model = Model::with_promoted(&[1]);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            let number = other.get(1);
            assert!(matches!(number, Some(10..=12)));
        });
        let old = model.map.pin();
        model.insert(1, 11);
        drop(old);
        model.insert(1, 12);
        reading.join().unwrap();
        model.check();
    });
}

/// As above, with a collector that goes round again for what the writer retired: it has executed its own fence
/// before, so that the one in `poll` is all there is. It may also add what the writer retires to what waits
/// already: `extend` and its fence.
#[test]
fn reader_with_a_stale_phase_and_another_collector() {
    explore(2, || {
        let model = Model::with_promoted(&[1, 2]);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            let number = other.get(1);
            assert!(matches!(number, Some(10..=12)));
        });
        let other = Arc::clone(&model);
        let collecting = thread::spawn(move || {
            other.insert(2, 21);
        });
        let old = model.map.pin();
        model.insert(1, 11);
        drop(old);
        model.insert(1, 12);
        reading.join().unwrap();
        collecting.join().unwrap();
        model.check();
    });
}

/// Whoever unpins and then reclaims must not overlook what a writer retired that still saw the pin: guards the fence at
/// the beginning of `collect` in `src/garbage.rs`.
#[test]
fn reclaiming_after_reading() {
    explore(5, || {
        let model = Model::with_promoted(&[1]);

        let other = Arc::clone(&model);
        let reading = thread::spawn(move || {
            drop(other.map.get(&1));
            other.map.reclaim();
        });
        model.insert(1, 11);
        reading.join().unwrap();
        assert!(model.map.garbage().is_empty(), "nobody is pinned: {:?}", model.map.garbage());
        model.check();
    });
}

/// Two objects are a batch that is freed while others collect: another one retires, and collects, at any moment of it.
#[test]
fn a_batch_is_freed_while_others_collect() {
    explore(4, || {
        let model = Model::with_promoted(&[1, 2]);

        let pin = model.map.pin();
        model.insert(1, 11);
        model.insert(2, 21);
        assert_eq!(model.map.garbage().values, 2);
        drop(pin);

        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            other.insert(1, 12);
        });
        model.map.reclaim();
        writing.join().unwrap();
        assert!(model.map.garbage().is_empty(), "nobody is pinned: {:?}", model.map.garbage());
        model.check();
    });
}

/// Two such batches, one for each.
#[test]
fn two_batches_are_freed_at_the_same_time() {
    explore(3, || {
        let model = Model::with_promoted(&[1, 2]);

        let write = |model: &Model, number| {
            let pin = model.map.pin();
            model.insert(1, number);
            model.insert(2, number);
            drop(pin);
        };
        write(&model, 11);
        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            write(&other, 12);
            other.map.reclaim();
        });
        model.map.reclaim();
        writing.join().unwrap();
        assert!(model.map.garbage().is_empty(), "nobody is pinned: {:?}", model.map.garbage());
        model.check();
    });
}

/// Two writers collect at the same time: one of them does it for both, and nothing is left.
#[test]
fn two_collectors() {
    explore(5, || {
        let model = Model::with_promoted(&[1, 2]);

        let other = Arc::clone(&model);
        let writing = thread::spawn(move || {
            other.insert(1, 11);
        });
        model.insert(2, 21);
        writing.join().unwrap();
        assert!(model.map.garbage().is_empty(), "nobody is pinned: {:?}", model.map.garbage());
        model.check();
    });
}
