//! The tests of what takes the lock, for `FixedMap`.
#![cfg(all(feature = "heapless", not(loom)))]

mod fixed;
mod locks;

use twinmap::{ErrorKind, FixedMap};

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = false;
pub type Map<K, V> = fixed::Map<K, V, locks::Watched>;

/// A handler with a `SpinLock` may have interrupted who has the lock.
#[test]
fn overwriting_a_known_key_takes_no_lock_when_it_is_busy() {
    let lock = locks::Watched::default();
    let map = FixedMap::<u32, u32, 4, _, 2>::with_lock(lock.clone());
    (0..4).for_each(|key| drop(map.insert(key, key).unwrap()));
    map.promote();

    let pin = map.pin();
    let busy = |result: Result<(), ErrorKind>| assert_eq!(result, Err(ErrorKind::Busy));
    let taken = lock.during(|| {
        (0..2).for_each(|key| drop(map.insert(key, 10).unwrap()));
        busy(map.insert(2, 10).map(drop).map_err(|error| error.kind));
        busy(map.try_insert(2, 10).map(drop).map_err(|error| error.kind));
        busy(map.update(&2, |value| value + 1).map(drop));
        busy(pin.insert(2, 10).map(drop).map_err(|error| error.kind));
        assert_eq!(pin.compare_exchange(&2, &2, 10).unwrap_err().kind, Some(ErrorKind::Busy));
        assert_eq!(map.remove(&3).as_deref(), Some(&3));
    });
    assert_eq!(taken, (0, 0));
}
