//! Tests of what only the fixed map has, a capacity: `Full` exactly when it is, `Busy` only when somebody is pinned,
//! and all sequences of at most `N` keys for ever.

mod sequences;

use std::boxed::Box;
use std::vec::Vec;

use twinmap::{ErrorKind, FixedMap, InsertError};

use crate::Lock;
use crate::suite::alloc::{failing_always, usage};
use crate::suite::tracked::{Census, Tracked};
use crate::suite::{Random, count};

pub fn kind<T, K, V>(result: Result<T, InsertError<K, V>>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

/// At `N` keys: a new one is refused, everything else works.
fn at_capacity<const N: usize, const SPARE: usize>() {
    let mut map = FixedMap::<u32, u32, N, Lock, SPARE>::default();
    assert_eq!((map.capacity(), map.pin().capacity()), (N, N));
    let keys = N as u32;
    for promote in [false, true] {
        assert!(map.is_empty() && !map.is_full() && !map.pin().is_full());
        for key in 0..keys {
            assert!(map.insert(key, key).unwrap().is_none());
        }
        if promote {
            map.promote();
        }
        assert!(map.is_full() && map.pin().is_full());
        let error = map.insert(keys, 7).unwrap_err();
        assert_eq!((error.key, error.value, error.kind), (keys, 7, ErrorKind::Full));
        assert_eq!(kind(map.try_insert(keys, 7)), Some(ErrorKind::Full));
        assert_eq!(kind(map.get_or_insert(keys, 7)), Some(ErrorKind::Full));
        assert_eq!(map.get_or_insert_with(keys, || 8).unwrap_err().value, 8);
        assert_eq!(kind(map.pin().insert(keys, 7)), Some(ErrorKind::Full));
        assert_eq!(kind(map.pin().try_insert(keys, 7)), Some(ErrorKind::Full));
        assert_eq!(kind(map.pin().get_or_insert(keys, 7)), Some(ErrorKind::Full));

        for key in 0..keys {
            assert_eq!(map.insert(key, key + 1).unwrap().as_deref(), Some(&key));
            assert_eq!(*map.get_or_insert(key, 0).unwrap(), key + 1);
            assert_eq!(map.update(&key, |value| value + 1).unwrap().as_deref(), Some(&(key + 2)));
            assert_eq!(map.pin().compare_exchange(&key, &(key + 2), 0), Ok(&(key + 2)));
            // One goes, itself comes again; one goes, another one comes.
            assert_eq!(map.remove(&key).as_deref(), Some(&0));
            assert!(!map.is_full());
            assert!(map.insert(key, 1).unwrap().is_none());
            assert_eq!(map.remove(&key).as_deref(), Some(&1));
            assert!(map.insert(keys + key, 2).unwrap().is_none());
            assert_eq!(kind(map.insert(key, 1)), Some(ErrorKind::Full));
        }
        assert_eq!(map.drain().count(), N);
    }
}

#[test]
fn a_full_map_refuses_new_keys_only() {
    at_capacity::<1, 1>();
    at_capacity::<1, 4>();
    at_capacity::<2, 1>();
    at_capacity::<3, 2>();
    // (An interpreter takes minutes for these.)
    if cfg!(not(miri)) {
        at_capacity::<17, 1>();
        at_capacity::<64, 4>();
    }
}

/// 32,767 cells are the most that there may be. (In statics, for the stack of a thread; 3 MB.)
#[test]
#[cfg(not(target_os = "none"))]
#[cfg_attr(miri, ignore = "the same with more cells, which takes an interpreter an hour")]
fn the_largest_maps_work() {
    type Largest<const N: usize, const SPARE: usize> = FixedMap<u16, u8, N, Lock, SPARE>;

    static MANY_KEYS: Largest<32_766, 1> = FixedMap::with_lock(Lock::new());
    static MANY_SPARES: Largest<1, 32_766> = FixedMap::with_lock(Lock::new());
    static BOTH: Largest<20_000, 12_767> = FixedMap::with_lock(Lock::new());

    fn fill<const N: usize, const SPARE: usize>(map: &Largest<N, SPARE>) {
        for round in 0..2 {
            for key in 0..N as u16 {
                assert!(map.insert(key, round).unwrap().is_none());
            }
            assert_eq!(kind(map.insert(u16::MAX, 0)), Some(ErrorKind::Full));
            map.promote();
            assert_eq!(map.pin().iter().count(), N);
            assert!((0..N as u16).all(|key| map.remove(&key).is_some()));
        }
    }
    fill(&MANY_KEYS);
    fill(&MANY_SPARES);
    fill(&BOTH);
}

/// A full map, one goes, one comes; now and then something else.
fn churn<const N: usize, const SPARE: usize>(steps: usize) {
    static CENSUS: Census = Census::new();
    let map = Box::<FixedMap<u32, Tracked, N, Lock, SPARE>>::default();
    let mut random = Random::new(N as u64);
    let mut keys: Vec<u32> = (0..N as u32).collect();
    for &key in &keys {
        map.insert(key, CENSUS.track(key)).unwrap();
    }
    for step in 0..steps as u32 {
        let new = N as u32 + step;
        let place = &mut keys[random.below(N as u64) as usize];
        assert_eq!(map.remove(place).expect("it is there").id(), *place);
        *place = new;
        let inserted = map.insert(new, CENSUS.track(new));
        assert!(inserted.unwrap_or_else(|error| panic!("step {step} of N = {N}: {:?}", error.kind)).is_none());
        match random.below(64) {
            0 => assert_eq!(map.get(&new).expect("it is there").id(), new),
            1 => assert!(map.insert(new, CENSUS.track(new)).unwrap().is_some()),
            2 => assert_eq!(kind(map.insert(u32::MAX, CENSUS.track(0))), Some(ErrorKind::Full)),
            3 if random.below(N as u64) == 0 => map.promote(),
            4 if random.below(N as u64) == 0 => assert_eq!(map.pin().iter().count(), N),
            _ => {}
        }
    }
    assert!(keys.iter().all(|key| map.get(key).is_some_and(|value| value.id() == *key)));
    assert_eq!((map.len(), CENSUS.live(), map.garbage().is_empty()), (N, N, true));
    drop(map);
    CENSUS.assert_all_dropped();
}

/// One test, since the census is shared.
#[test]
fn a_full_map_takes_a_million_keys_one_for_the_other() {
    // (Without optimisation, a tenth: it takes a minute; or on a board, an hour.)
    let steps = match () {
        _ if cfg!(target_os = "none") => 1_000,
        _ if cfg!(debug_assertions) => count(100_000, 20),
        _ => 1_000_000,
    };
    let churns = [churn::<2, 4>, churn::<2, 1>, churn::<16, 4>, churn::<64, 4>, churn::<1024, 4>];
    for churn in &churns[..count(5, 3)] {
        churn(steps);
    }
}

#[test]
fn a_pinned_reader_makes_writes_busy_and_nothing_is_lost() {
    static CENSUS: Census = Census::new();
    let map = FixedMap::<u32, Tracked, 4, Lock, 2>::default();
    (0..4).for_each(|key| drop(map.insert(key, CENSUS.track(key)).unwrap()));
    map.promote();

    let pin = map.pin();
    let seen: Vec<&Tracked> = pin.values().collect();
    assert!(map.insert(0, CENSUS.track(0)).unwrap().is_some());
    assert!(map.insert(1, CENSUS.track(1)).unwrap().is_some());
    for _ in 0..3 {
        let error = map.insert(2, CENSUS.track(20)).unwrap_err();
        assert_eq!((error.key, error.value.id(), error.kind), (2, 20, ErrorKind::Busy));
        assert_eq!(kind(map.try_insert(2, CENSUS.track(20))), Some(ErrorKind::Busy));
        assert_eq!(map.update(&2, |_| unreachable!()).map(drop), Err(ErrorKind::Busy));
        // A stale value is still found to be one.
        let error = pin.compare_exchange(&2, &CENSUS.track(9), CENSUS.track(20)).unwrap_err();
        assert_eq!((error.new.id(), error.found.unwrap().id(), error.kind), (20, 2, None));
        let error = pin.compare_exchange(&2, &CENSUS.track(2), CENSUS.track(20)).unwrap_err();
        assert_eq!((error.new.id(), error.found.unwrap().id(), error.kind), (20, 2, Some(ErrorKind::Busy)));
        // What is known needs no room; and a key beyond the capacity is not only busy.
        assert_eq!(map.get_or_insert(3, CENSUS.track(30)).unwrap().id(), 3);
        assert_eq!(kind(map.insert(4, CENSUS.track(4))), Some(ErrorKind::Full));
    }
    // There is room for another key now, but not for its value.
    assert!(map.remove(&3).is_some());
    assert_eq!(kind(map.insert(4, CENSUS.track(4))), Some(ErrorKind::Busy));
    assert_eq!(map.garbage().values, 3);
    assert!(seen.iter().map(|value| value.id()).sum::<u32>() == 6, "what is seen is unchanged");

    drop(seen);
    drop(pin);
    assert!(map.insert(4, CENSUS.track(4)).unwrap().is_none());
    assert!(map.insert(2, CENSUS.track(20)).unwrap().is_some());
    assert_eq!((map.len(), CENSUS.live(), map.garbage().is_empty()), (4, 4, true));
    drop(map);
    CENSUS.assert_all_dropped();
}

#[test]
fn new_keys_are_taken_while_a_reader_is_pinned_as_long_as_there_is_room() {
    let map = FixedMap::<u32, u32, 64, Lock, 4>::default();
    (0..16).for_each(|key| drop(map.insert(key, key).unwrap()));
    map.promote();
    let pin = map.pin();
    for key in 16..64 {
        assert!(map.insert(key, key).unwrap().is_none());
        let others = (0..64).step_by(count(1, 9));
        assert!(others.into_iter().all(|other| map.get(&other).is_some() == (other <= key)));
    }
    assert_eq!(kind(map.insert(64, 64)), Some(ErrorKind::Full));
    drop(pin);
    assert!((0..64).all(|key| map.get(&key).is_some()));
}

/// The spares are as many as the writes under one pin, and one more for a write that is under way: whatever was before.
#[test]
fn spares_for_the_longest_pin_are_enough_for_one_pin_after_the_other() {
    fn back_to_back<const SPARE: usize>(writes: u32) {
        let map = FixedMap::<u32, u32, 8, Lock, SPARE>::default();
        (0..8).for_each(|key| drop(map.insert(key, 0).unwrap()));
        map.promote();
        for round in 0..count(20, 3) as u32 {
            // One ends, and another begins, with no write in between.
            let pin = map.pin();
            for write in 0..writes {
                let overwritten = map.insert(write % 8, round);
                assert!(overwritten.is_ok_and(|old| old.is_some()), "{write} of {writes} in round {round}");
            }
            drop(pin);
        }
    }
    back_to_back::<2>(1);
    back_to_back::<4>(3);
    // (The same.)
    if cfg!(not(miri)) {
        back_to_back::<101>(100);
    }
}

/// Each pin is short, but there is always one. Removed keys still make room.
#[test]
fn overlapping_pins_do_not_keep_new_keys_out() {
    let map = FixedMap::<u32, u32, 64, Lock, 4>::default();
    (0..64).for_each(|key| drop(map.insert(key, key).unwrap()));
    map.promote();
    (1..64).for_each(|key| drop(map.remove(&key)));
    let (mut pin, mut refused) = (map.pin(), 0);
    for key in 100..163 {
        while let Err(error) = map.insert(key, key).map(drop) {
            assert_eq!(error.kind, ErrorKind::Busy);
            refused += 1;
            assert!(refused < 64, "{key}: {} keys, {:?}", map.len(), map.garbage());
            let next = map.pin();
            drop(std::mem::replace(&mut pin, next));
        }
    }
    drop(pin);
    assert!(map.is_full());
}

/// The memory of removed keys is for other keys when nobody is pinned who may see them.
#[test]
fn insertions_that_a_pin_keeps_out_succeed_after_it() {
    let map = FixedMap::<u32, u32, 8, Lock, 1>::default();
    (0..8).for_each(|key| drop(map.insert(key, key).unwrap()));
    map.promote();
    let pin = map.pin();
    (1..8).for_each(|key| drop(map.remove(&key)));
    let refused = (100..120).filter(|&key| kind(map.insert(key, key)) == Some(ErrorKind::Busy)).count();
    assert_eq!((refused, map.len(), map.garbage().entries), (19, 2, 7), "one spare, one insertion");
    drop(pin);
    let inserted = (200..220).filter(|&key| map.insert(key, key).is_ok()).count();
    assert_eq!((inserted, map.garbage().is_empty()), (6, true));
}

/// The guard itself is in the way, but only while it is there.
#[test]
fn insertions_each_under_a_guard_of_its_own_succeed_sooner_or_later() {
    let map = FixedMap::<u32, u32, 8, Lock, 1>::default();
    for round in 0..count(50, 5) as u32 {
        for key in 8 * round..8 * round + 8 {
            let attempts = (1..9).find(|_| map.pin().insert(key, key).is_ok());
            assert!(attempts.is_some(), "{key}: {} keys, {:?}", map.len(), map.garbage());
        }
        map.promote();
        (8 * round..8 * round + 8).for_each(|key| assert!(map.pin().remove(&key).is_some()));
    }
}

#[test]
fn a_key_that_came_in_between_is_found_without_memory_for_another_value() {
    let map = FixedMap::<u32, u32, 2, Lock, 1>::default();
    map.insert(0, 0).unwrap();
    map.promote();
    let pin = map.pin();
    let value = map.get_or_insert_with(1, || {
        map.insert(1, 11).unwrap();
        map.insert(0, 10).unwrap();
        12
    });
    assert_eq!(value.as_deref().ok(), Some(&11));
    drop(pin);
}

#[test]
fn a_map_can_be_moved() {
    let map = FixedMap::<u32, Box<u32>, 8, Lock>::default();
    (0..6).for_each(|key| drop(map.insert(key, Box::new(key)).unwrap()));
    map.promote();
    (6..8).for_each(|key| drop(map.insert(key, Box::new(key)).unwrap()));
    map.remove(&1);
    let mut maps = vec![map];
    maps.reserve(100);
    let map = Box::new(maps.pop().unwrap());
    assert_eq!(map.pin().iter().map(|(_, value)| **value).sum::<u32>(), 27);
    map.remove(&7);
    assert!(map.insert(9, Box::new(9)).unwrap().is_none());
    assert_eq!(map.into_iter().count(), 7);
}

#[test]
fn nothing_is_ever_allocated() {
    let start = usage();
    let map = FixedMap::<u32, u32, 32, Lock>::default();
    let ok = failing_always(|| {
        (0..count(1_000, 50) as u32).all(|i| {
            let removed = map.remove(&i.wrapping_sub(32)).is_some() == (i >= 32);
            let inserted = map.insert(i, i).is_ok_and(|old| old.is_none());
            removed && inserted && map.update(&i, |value| value + 1).is_ok_and(|new| new.is_some())
        })
    });
    map.promote();
    map.clear();
    drop(map);
    assert!(ok);
    assert_eq!(usage(), start);
}
