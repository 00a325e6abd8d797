//! Feature `stats`: what is counted, for both maps.
#![cfg(all(feature = "stats", feature = "alloc"))]

use twinmap::{CopyProgress, CriticalSectionLock, FixedMap, SpinLock, SyncMap};

macro_rules! for_both {
    ($($name:ident<$Map:ident>() $body:block)*) => {$(
        mod $name {
            use super::*;
            #[test]
            fn growing() { type $Map = SyncMap<u32, u32, CriticalSectionLock>; $body }
            #[test]
            fn fixed() { type $Map = FixedMap<u32, u32, 16, SpinLock, 8>; $body }
        }
    )*};
}

#[test]
fn the_peak_of_garbage_is_a_number_that_there_was() {
    let map = SyncMap::<u32, u32>::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let map = &map;
            scope.spawn(move || (0..20_000).for_each(|i| drop((map.insert(thread, i), map.get(&(i % 4))))));
        }
    });
    let peak = map.stats().peak_garbage;
    assert!(peak < 100_000, "{peak}");
}

#[test]
fn the_copy_begins_with_a_new_key_and_ends_with_a_promotion() {
    let map: SyncMap<u32, u32> = (0..12).map(|key| (key, key)).collect();
    map.promote();
    assert_eq!(map.stats().copy, None);
    let _ = map.insert(12, 12);
    let begun = map.stats().copy.unwrap();
    assert!(begun.done < begun.buckets, "{begun:?}");
    assert!(map.contains_key(&12));
    let CopyProgress { done, buckets, .. } = map.stats().copy.unwrap();
    assert!(done > begun.done && buckets == begun.buckets);
    let promotions = map.promotions();
    map.promote();
    assert_eq!((map.stats().copy, map.stats().promotions), (None, promotions + 1));
}

for_both! {
    hits_misses_and_locks<Map>() {
        let map: Map = (0..10).map(|key| (key, key)).collect();
        map.promote();
        let before = map.stats();
        for key in 0..30 {
            assert_eq!(map.contains_key(&key), key < 10);
        }
        let _ = (map.get(&1), map.try_get(&2), map.try_get(&100), map.get_or_insert(3, 0));
        let after = map.stats();
        assert_eq!((after.hits - before.hits, after.misses - before.misses), (13, 21));
        // None of them takes the lock, but `stats` itself.
        assert_eq!(after.locked - before.locked, 1);
    }

    a_recent_key_takes_the_lock_and_counts_as_a_hit<Map>() {
        let map: Map = (0..10).map(|key| (key, key)).collect();
        map.promote();
        let _ = map.insert(10, 10);
        let before = map.stats();
        assert!(map.get(&10).is_some());
        let after = map.stats();
        assert_eq!((after.hits - before.hits, after.misses - before.misses), (1, 0));
        // (In a fixed map, no key is recent.)
        assert_eq!(after.locked - before.locked > 1, map.promotions() != 0);
    }

    a_pinned_map_shows_the_same_figures<Map>() {
        let map: Map = (0..10).map(|key| (key, key)).collect();
        let of_the_map = map.stats();
        let pinned = map.pin().stats();
        // (To look takes the lock once.)
        assert_eq!((pinned.len, pinned.promotions, pinned.copy), (of_the_map.len, of_the_map.promotions, of_the_map.copy));
        assert_eq!((pinned.len, pinned.locked), (10, of_the_map.locked + 1));
    }

    peaks_stay<Map>() {
        let map: Map = (0..10).map(|key| (key, key)).collect();
        assert_eq!((map.stats().peak_len, map.stats().peak_garbage), (10, 0));
        map.promote();
        {
            let _pinned = map.pin();
            for key in 0..3 {
                let _ = map.insert(key, 0);
            }
            map.remove(&4);
            assert_eq!(map.garbage().values, 4);
            // Each kind is counted.
            map.promote();
            let _ = map.insert(3, 0);
            let waiting = map.garbage();
            let grows = map.promotions() != 0;
            assert!(waiting.entries > 0 && waiting.tables == usize::from(grows), "{waiting:?}");
            let all = waiting.values + waiting.entries + waiting.tables;
            assert_eq!(map.stats().peak_garbage, all);
        }
        map.clear();
        let stats = map.stats();
        assert_eq!((stats.len, stats.peak_len, stats.garbage.values), (0, 10, 0));
        assert!(stats.peak_garbage >= 4, "{stats:?}");
    }
}
