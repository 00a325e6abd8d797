//! The suite, for `SyncMap` with `CriticalSectionLock`; and what only this lock promises.
#![cfg(all(feature = "alloc", feature = "critical-section", not(any(loom, shuttle, soon_built))))]

mod growing;
mod histories;
mod sequential;
mod suite;

use std::panic::{AssertUnwindSafe, catch_unwind};

use suite::keys::{Collide, on_eq};
use suite::random;

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = true;
/// The map that the suite tests here.
pub type Lock = twinmap::CriticalSectionLock;
pub type Map<K, V, S = twinmap::FxBuildHasher> = twinmap::SyncMap<K, V, Lock, S>;

#[test]
fn reentry_from_eq_under_the_lock_panics_and_says_so() {
    let map: Map<Collide, u32> = Map::default();
    map.insert(Collide(1), 1); // Only in `dirty`: it is compared under the lock.

    let reentered = catch_unwind(AssertUnwindSafe(|| {
        on_eq(|| assert!(map.get(&Collide(3)).is_none()), || map.get(&Collide(2)).is_some());
    }));
    let message = *reentered.unwrap_err().downcast::<&str>().expect("a message");
    assert!(message.contains("CriticalSectionLock re-entered"), "{message}");

    // Nothing is left locked.
    assert_eq!(map.get(&Collide(1)).as_deref(), Some(&1));
    assert!(map.try_insert(Collide(2), 2).unwrap().is_none());
    assert_eq!(map.len(), 2);
}

#[test]
fn the_lock_says_whether_it_is_locked() {
    use twinmap::ScopedRawMutex;

    let lock = Lock::new();
    assert!(lock.with_lock(|| lock.is_locked()) && !lock.is_locked());
}
