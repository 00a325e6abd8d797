//! Of the incremental copy, which a growing map has: who does its steps, and that it ends.

use std::cell::Cell;
use std::rc::Rc;

use crate::Map;
use crate::locks::{HANDED_ON, OTHERS, amended, promoted};

#[test]
fn each_operation_that_takes_the_lock_moves_the_copy_on() {
    let (map, _) = promoted(500);
    map.insert(1_000_000, 1);
    let (mut last, mut steps) = (0, 0);
    while let Some(copy) = map.stats().copy.filter(|copy| copy.done < copy.buckets) {
        assert!(copy.done > last || steps == 0, "{copy:?} after {steps} steps");
        (last, steps) = (copy.done, steps + 1);
        // New keys do it, and misses.
        if steps % 2 == 0 {
            map.insert(1_000_000 + steps, 1);
        } else {
            assert!(!map.contains_key(&999_999));
        }
    }
    assert!(steps > 5, "{steps}");
}

/// As in Go's map.
#[test]
fn a_table_is_promoted_by_as_many_misses_as_it_has_keys() {
    for keys in [20, 50, 200] {
        let (map, _) = promoted(keys);
        map.insert(1_000_000, 1);
        let promotions = map.promotions();
        for miss in 1..=keys + 1 {
            assert_eq!(map.promotions(), promotions, "before miss {miss} of a table of {} keys", keys + 1);
            assert!(!map.contains_key(&999_999));
        }
        assert_eq!(map.promotions(), promotions + 1);
    }
}

/// Also when nobody has had the lock for a step, so that the copy has left no room for another key.
#[test]
fn a_recent_key_is_overwritten_at_once_however_full_its_table_is() {
    let (map, lock) = amended(200);
    HANDED_ON.set(true);
    let mut without_room = 0;
    for key in 2_000_000..2_000_400 {
        let (waits, _) = lock.during(|| drop(map.insert(key, 1)));
        without_room += usize::from(waits > 1);
        let (waits, _) = lock.during(|| assert_eq!(map.insert(key, 2).as_deref(), Some(&1)));
        assert!(waits <= 1, "{waits} at key {key}");
    }
    HANDED_ON.set(false);
    assert_ne!(without_room, 0);
}

#[test]
fn promote_ends_while_others_insert() {
    let (map, _lock) = amended(50);
    let map = Rc::new(map);
    let (other, inserted) = (map.clone(), Rc::new(Cell::new(0)));
    let count = inserted.clone();
    OTHERS.set(Some(Box::new(move || {
        // New keys, until one of them is in no table that was promoted: there is always something to promote.
        while count.get() < 999 {
            let n = count.get() + 1;
            count.set(n);
            other.insert(n + 2_000_000, 0);
            other.remove(&(n + 2_000_000 - 8));
            if other.stats().copy.is_some() {
                break;
            }
        }
    })));
    let promotions = map.promotions();
    map.promote();
    OTHERS.take();
    assert!(map.promotions() > promotions && inserted.get() > 0);
    assert!(inserted.get() < 999, "it ended when they did");
}

#[test]
fn promote_and_iter_release_the_lock_in_between() {
    let complete: [fn(&Map<u32, u32>); 2] =
        [|map| map.promote(), |map| assert_eq!(map.pin().iter().count(), map.len())];
    for complete in complete {
        let keys = if cfg!(miri) { 400 } else { 10_000 };
        let (map, lock) = amended(keys);
        let (waits, tries) = lock.during(|| complete(&map));
        // Each step is waited for.
        assert!(waits > keys as usize / 10 && tries == 0, "{waits} {tries}");
    }
}

/// Keys that were removed before the copy, and come back before it has come to them, while no step is done but those
/// that somebody waits for: there is room for them beside what is yet to be copied.
#[test]
fn keys_that_come_back_during_the_copy_have_room() {
    for keys in (64..1_024).step_by(if cfg!(miri) { 960 } else { 24 }) {
        let (map, _lock) = promoted(keys);
        let removed = 0..keys / 5;
        removed.clone().for_each(|key| drop(map.remove(&key)));
        HANDED_ON.set(true);
        map.insert(1_000_000, 0);
        removed.for_each(|key| drop(map.insert(key, key)));
        (keys..2 * keys).for_each(|key| drop(map.insert(key, key)));
        map.promote();
        HANDED_ON.set(false);
        assert!((0..2 * keys).all(|key| map.contains_key(&key)), "{keys}");
        assert_eq!((map.len(), map.pin().iter().count()), (2 * keys as usize + 1, 2 * keys as usize + 1));
    }
}
