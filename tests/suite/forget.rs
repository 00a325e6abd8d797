//! Guards and iterators that are forgotten (`mem::forget`) are never unsound; what they keep is freed with the map,
//! or when the map is nobody else's.

#![allow(clippy::forget_non_drop)] // Whether they have a destructor is not what matters here.

use std::mem::forget;

use super::tracked::{Census, Tracked};
use crate::{GROWS, Map};

fn map_of(census: &'static Census, keys: u32) -> Map<u32, Tracked> {
    (0..keys).map(|key| (key, census.track(key))).collect()
}

/// (A fixed map runs out of tables that are not seen by the forgotten pin.)
const ROUNDS: usize = if GROWS { 5 } else { 1 };

/// Overwrites, removes, inserts, clears: with a forgotten pin nothing of it is freed before the map.
fn change(census: &'static Census, map: &Map<u32, Tracked>) {
    for round in 0..ROUNDS {
        (0..10).for_each(|key| drop(map.insert(key, census.track(key))));
        map.promote();
        (0..10).step_by(2).for_each(|key| drop(map.remove(&key)));
        assert_eq!(map.pin().iter().filter(|(key, value)| value.id() == **key).count(), map.len());
        if round == 3 {
            map.clear();
        }
        map.reclaim();
    }
}

#[test]
fn a_forgotten_pinned_or_ref_or_iterator_is_a_pin_until_the_map_is_nobody_elses() {
    static CENSUS: Census = Census::new();
    let forget_one: [fn(&Map<u32, Tracked>); 5] = [
        |map| forget(map.pin()),
        |map| forget(map.get(&1).unwrap()),
        |map| forget(map.get_or_insert(100, CENSUS.track(100))),
        |map| forget(map.update(&1, |value| CENSUS.track(value.id())).unwrap()),
        |map| {
            let pin = map.pin();
            let mut iter = pin.iter();
            iter.next();
            forget(iter);
            forget(pin);
        },
    ];
    for forget_one in forget_one {
        let map = map_of(&CENSUS, 10);
        forget_one(&map);
        change(&CENSUS, &map);
        assert!(map.garbage().values >= 10 * ROUNDS, "{:?}", map.garbage());
        drop(map);
        CENSUS.assert_all_dropped();

        // With the means that want the map for themselves.
        let mut map = map_of(&CENSUS, 10);
        forget_one(&map);
        change(&CENSUS, &map);
        assert!(map.iter_mut().all(|(key, value)| value.id() == *key));
        let len = map.len();
        assert_eq!(map.drain().filter(|(key, value)| value.id() == *key).count(), len);
        // That nobody else had the map has ended the pin.
        change(&CENSUS, &map);
        assert!(map.garbage().is_empty());
        let len = map.len();
        assert_eq!(map.into_iter().filter(|(key, value)| value.id() == *key).count(), len);
        CENSUS.assert_all_dropped();
    }
}

#[test]
#[cfg_attr(miri, ignore = "leaks, as it says, and Miri reports leaks")]
fn what_a_write_took_out_is_lost_with_its_guard_and_nothing_else_is() {
    static CENSUS: Census = Census::new();
    let forget_one: [fn(&Map<u32, Tracked>); 2] =
        [|map| forget(map.insert(1, CENSUS.track(1)).unwrap()), |map| forget(map.remove(&1).unwrap())];
    for (lost, forget_one) in (1..).zip(forget_one) {
        let mut map = map_of(&CENSUS, 10);
        forget_one(&map);
        change(&CENSUS, &map);
        assert!(map.garbage().values >= 10 * ROUNDS, "{:?}", map.garbage());
        assert!(map.iter_mut().all(|(key, value)| value.id() == *key));
        // That nobody else had the map has ended the pin.
        change(&CENSUS, &map);
        assert!(map.garbage().is_empty());
        drop(map);
        assert_eq!(CENSUS.live(), lost);
    }
}

#[test]
fn a_forgotten_iterator_alone_is_no_pin() {
    static CENSUS: Census = Census::new();
    let mut map = map_of(&CENSUS, 10);
    forget(map.pin().iter());
    forget(map.iter_mut());
    change(&CENSUS, &map);
    assert!(map.garbage().is_empty());
    drop(map);
    CENSUS.assert_all_dropped();
}

#[test]
#[cfg_attr(miri, ignore = "leaks, as it says, and Miri reports leaks")]
fn a_forgotten_drain_leaves_in_the_map_what_it_had_not_given_out() {
    static CENSUS: Census = Census::new();
    let mut map = map_of(&CENSUS, 10);
    let mut drain = map.drain();
    drop(drain.next());
    forget(drain);
    assert_eq!((map.len(), map.pin().iter().count(), CENSUS.live()), (9, 9, 9));
    change(&CENSUS, &map);
    forget(map_of(&CENSUS, 10).into_iter());
    drop(map);
    assert_eq!(CENSUS.live(), 10);
}
