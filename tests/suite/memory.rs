//! What is allocated, freed and dropped, and when.

use std::vec::Vec;

use twinmap::Garbage;

use super::alloc::usage;
use super::tracked::{Census, Tracked};
use super::{Random, count};
use crate::{GROWS, Map};

pub fn any_operation(map: &Map<Tracked, Tracked>, census: &'static Census, random: &mut Random) {
    let id = random.below(64) as u32;
    let (key, value) = (census.track(id), census.track(id));
    match random.below(60) {
        0..15 => drop(map.insert(key, value)),
        15..20 => drop(map.try_insert(key, value)),
        20..33 => drop(map.remove(&key)),
        33..36 => drop(map.pin().remove_if(&key, |value| value.id() % 2 == 0)),
        36..40 => drop(map.get_or_insert(key, value)),
        40..43 => drop(map.get_or_insert_with(key, || value)),
        43..45 => drop(map.update(&key, |old| census.track(old.id()))),
        45 => drop(map.update_or_insert(key, |old| census.track(old.id()), value)),
        46..49 => drop(map.pin().compare_exchange(&key, &census.track(id), value)),
        49..53 => drop(map.get(&key).map(|value| value.id())),
        53 => map.promote(),
        54 if random.below(8) == 0 => map.pin().retain(|key, _| key.id() % 3 != 0),
        55 if random.below(8) == 0 => map.clear(),
        _ => assert!(map.pin().iter().all(|(key, value)| key.id() == value.id())),
    }
}

#[test]
fn nothing_leaks_when_a_map_drops_in_any_state() {
    static CENSUS: Census = Census::new();
    let start = usage();
    for operations in (0..200).step_by(count(1, 50)) {
        for end in 0..4 {
            let mut map = Map::default();
            let mut random = Random::new(operations as u64);
            (0..operations).for_each(|_| any_operation(&map, &CENSUS, &mut random));
            match end {
                0 => drop(map),
                1 => drop(map.into_iter().take(3).count()),
                2 => drop(map.drain().take(3).count()),
                _ => map = Map::from_iter(map),
            }
        }
        assert_eq!(CENSUS.live(), 0);
    }
    CENSUS.assert_all_dropped();
    assert_eq!((usage().live_since(start), usage().bytes), (0, start.bytes));
}

#[test]
fn what_is_unlinked_is_freed_at_once_when_nobody_is_pinned() {
    static CENSUS: Census = Census::new();
    for promoted in [false, true] {
        let map = Map::<u32, Tracked>::default();
        let unlinks = |f: &dyn Fn()| {
            (0..4).for_each(|key| drop(map.insert(key, CENSUS.track(key))));
            if promoted {
                map.promote();
            }
            let (dropped, len) = (CENSUS.dropped(), map.len());
            f();
            assert!(CENSUS.dropped() > dropped);
            assert_eq!((CENSUS.live(), map.garbage().values), (map.len(), 0), "of {len}");
        };
        unlinks(&|| drop(map.insert(1, CENSUS.track(1))));
        unlinks(&|| drop(map.try_insert(1, CENSUS.track(1)).unwrap()));
        unlinks(&|| drop(map.update(&1, |_| CENSUS.track(1)).unwrap()));
        unlinks(&|| drop(map.update_or_insert(1, |_| CENSUS.track(1), CENSUS.track(7))));
        unlinks(&|| drop(map.remove(&1)));
        unlinks(&|| drop(map.try_remove(&1)));
        unlinks(&|| map.clear());
        // Through `Pinned`, the caller itself is the reader. The next write frees it, or:
        let through_pinned = |f: &dyn Fn()| {
            unlinks(&|| {
                f();
                map.reclaim();
            });
        };
        through_pinned(&|| assert!(map.pin().insert(1, CENSUS.track(1)).is_some()));
        through_pinned(&|| assert!(map.pin().remove_if(&1, |_| true).is_some()));
        through_pinned(&|| assert!(map.pin().compare_exchange(&1, &CENSUS.track(1), CENSUS.track(7)).is_ok()));
        through_pinned(&|| map.pin().retain(|_, _| false));
        through_pinned(&|| map.pin().clear());
    }
    CENSUS.assert_all_dropped();
}

#[test]
fn reclaim_frees_what_nobody_has_seen_who_is_still_there() {
    let map = Map::<u32, u32>::default();
    map.insert(1, 10);
    map.promote();
    map.reclaim();
    let first = map.pin();
    map.insert(1, 11);
    map.reclaim(); // From now on, readers are counted apart from it.
    let second = map.pin();
    assert_eq!(map.garbage().values, 1);
    drop(first);
    map.reclaim();
    assert!(map.garbage().is_empty());
    drop(second);
}

#[test]
fn garbage_of_a_long_pin_is_what_was_written_and_one_reclaim_frees_it() {
    static CENSUS: Census = Census::new();
    let (keys, writes) = (50, count(20, 3) as u32);
    let map = Map::<u32, Tracked>::default();
    (0..keys).for_each(|key| drop(map.insert(key, CENSUS.track(key))));
    map.promote();
    map.reclaim();

    let pin = map.pin();
    let seen: Vec<&Tracked> = pin.values().collect();
    for write in 0..writes {
        (0..keys).for_each(|key| drop(map.insert(key, CENSUS.track(key))));
        // Reading makes no garbage, nor does it get rid of any.
        (0..keys).for_each(|key| assert_eq!(map.get(&key).unwrap().id(), key));
        map.reclaim();
        let values = (keys * (write + 1)) as usize;
        assert_eq!(map.garbage(), Garbage { values, entries: 0, tables: 0 });
        assert_eq!(CENSUS.live(), values + keys as usize);
    }
    (0..keys).for_each(|key| drop(map.remove(&key)));
    map.promote();
    let values = (keys * (writes + 1)) as usize;
    assert!(map.is_empty());
    assert!(!map.garbage().is_empty());
    assert_eq!(map.garbage().values, values);
    assert_eq!(map.garbage().entries, keys as usize);
    // The tables: those of the promotions, of which removals make some, each half the size.
    // (A fixed map has one for good.)
    let tables = if GROWS { 1..=12 } else { 0..=0 };
    assert!(tables.contains(&map.garbage().tables), "{:?}", map.garbage());
    assert_eq!(seen.iter().map(|value| value.id()).sum::<u32>(), (0..keys).sum());

    drop(seen);
    let (before, dropped) = (usage(), CENSUS.dropped());
    drop(pin);
    assert_eq!((usage(), CENSUS.dropped()), (before, dropped));
    map.reclaim();
    assert_eq!((CENSUS.live(), map.garbage()), (0, Garbage::default()));
    drop(map);
    CENSUS.assert_all_dropped();
}

#[test]
fn promote_gives_up_the_memory_of_removed_keys() {
    static CENSUS: Census = Census::new();
    let map = Map::<Tracked, u32>::default();
    map.insert(CENSUS.track(1), 1);
    map.promote();
    map.insert(CENSUS.track(2), 2); // Now key 1 is in both tables,
    map.remove(&CENSUS.track(1)); // and a tombstone in both.
    map.promote();
    map.reclaim();
    assert_eq!((CENSUS.live(), map.len()), (1, 1), "the key is still there");
    drop(map);
    CENSUS.assert_all_dropped();
}

#[test]
fn a_newer_pin_does_not_keep_older_garbage_for_ever() {
    // Overlapping pins: there is always a reader, and never one that has been there for long.
    static CENSUS: Census = Census::new();
    let map = Map::<u32, Tracked>::default();
    let mut pin = map.pin();
    for i in 0..100 {
        map.insert(1, CENSUS.track(i));
        let next = map.pin();
        drop(pin);
        pin = next;
        map.reclaim();
        assert!(CENSUS.live() < 8, "{}", CENSUS.live());
    }
    drop(pin);
    drop(map);
    CENSUS.assert_all_dropped();
}

#[test]
fn a_hit_and_an_unpin_free_and_drop_and_allocate_nothing() {
    static CENSUS: Census = Census::new();
    let map = Map::<u32, Tracked>::default();
    (0..20).for_each(|key| drop(map.insert(key, CENSUS.track(key))));
    map.promote();
    // All kinds of garbage, which a pin keeps.
    let pin = map.pin();
    (0..10).for_each(|key| drop(map.insert(key, CENSUS.track(key))));
    (10..20).for_each(|key| drop(map.remove(&key)));
    map.promote();
    let waiting = map.garbage();
    assert_eq!((waiting.values > 0, waiting.entries > 0, waiting.tables > 0), (true, true, GROWS));

    let (before, dropped) = (usage(), CENSUS.dropped());
    drop(pin); // From here on, all of it could be freed.
    for key in 0..10 {
        let value = map.get(&key).unwrap();
        assert_eq!(value.id(), key);
        drop(value);
        assert!(map.try_get(&key).unwrap().is_some() && map.contains_key(&key));
        let pin = map.pin();
        assert!(pin.get(&key).is_some() && pin.get_key_value(&key).is_some() && pin.try_get(&key).is_ok());
        assert_eq!(pin.iter().count() + pin.keys().count() + pin.values().count(), 30);
    }
    assert!((10..20).all(|key| map.get(&key).is_none()), "nor does a miss");
    assert_eq!((usage(), CENSUS.dropped(), map.garbage()), (before, dropped, waiting));

    map.reclaim();
    assert!(map.garbage().is_empty() && CENSUS.dropped() > dropped);
    drop(map);
    CENSUS.assert_all_dropped();
}
