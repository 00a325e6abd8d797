//! The tests of what takes the lock, for `FixedMap`.
#![cfg(all(feature = "heapless", not(loom)))]

mod fixed;
mod locks;

use twinmap::{ErrorKind, FixedMap, ScopedRawMutex};

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = false;
pub type Map<K, V> = fixed::Map<K, V, locks::Watched>;

/// A handler may have interrupted who has the lock, and some locks wait even when they are only tried.
#[test]
fn writes_to_a_known_key_leave_the_lock_alone_when_they_are_busy() {
    let lock = locks::Watched::default();
    let map = FixedMap::<u32, u32, 8, _, 2>::with_lock(lock.clone());
    (0..6).for_each(|key| drop(map.insert(key, key).unwrap()));

    let pin = map.pin();
    let busy = |result: Result<(), ErrorKind>| assert_eq!(result, Err(ErrorKind::Busy));
    let spares = (0..9).take_while(|key| map.insert(key % 4, 10).is_ok()).count();
    assert!((2..9).contains(&spares), "{spares}");
    // A removed key that is still in the table: there is something to collect, under the lock.
    lock.clone().with_lock(|| map.remove(&5));
    let taken = lock.during(|| {
        busy(map.insert(2, 20).map(drop).map_err(|error| error.kind));
        busy(map.try_insert(2, 20).map(drop).map_err(|error| error.kind));
        busy(map.update(&2, |value| value + 1).map(drop));
        busy(map.update_or_insert(2, |value| value + 1, 20).map(drop).map_err(|error| error.kind));
        busy(pin.insert(2, 20).map(drop).map_err(|error| error.kind));
        assert_eq!(pin.compare_exchange(&2, &10, 20).unwrap_err().kind, Some(ErrorKind::Busy));
    });
    assert_eq!(taken, (0, 0));
    // A removal tries it.
    let taken = lock.during(|| lock.clone().with_lock(|| assert_eq!(map.remove(&3).as_deref(), Some(&10))));
    assert_eq!(taken, (1, 1), "the test's own, and one that was not to be had");
}

/// Removals that did not get the lock leave their entries in the table: until new keys need the memory, or `promote`.
#[test]
fn what_removals_have_left_in_the_table_makes_room_for_new_keys() {
    for promote in [false, true] {
        let lock = locks::Watched::default();
        let map = FixedMap::<u32, u32, 8, _, 2>::with_lock(lock.clone());
        (0..8).for_each(|key| drop(map.insert(key, key).unwrap()));
        lock.clone().with_lock(|| assert!((0..8).all(|key| map.remove(&key).is_some())));
        assert!(map.is_empty());
        if promote {
            // Each is taken out by itself.
            assert_eq!(lock.during(|| map.promote()), (8, 0));
        }
        let (waits, tries) = lock.during(|| assert!((10..18).all(|key| map.insert(key, key).is_ok())));
        // A new key that finds no memory takes out what was left, and is tried again.
        assert_eq!((waits, tries), if promote { (8, 0) } else { (9, 8) });
        assert!(map.is_full() && (10..18).all(|key| map.remove(&key).is_some()));
    }
}
