//! A lock that panics where others wait, as `ScopedRawMutex` allows: what was inserted
//! stays, and nothing is dropped twice.
#![cfg(all(feature = "alloc", not(loom)))]

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use twinmap::{ErrorKind, ScopedRawMutex, SyncMap, WouldBlock};

#[allow(dead_code)] // Others let it fail.
#[path = "suite/alloc.rs"]
mod alloc;

/// Panics when it is held.
#[derive(Default)]
struct PanickingLock {
    held: AtomicBool,
    /// Whether somebody else is to take it as soon as it is free.
    stolen: AtomicBool,
}

impl PanickingLock {
    const fn new() -> Self {
        Self { held: AtomicBool::new(false), stolen: AtomicBool::new(false) }
    }
}

// SAFETY: `held` excludes all but one, also when a closure unwinds.
unsafe impl ScopedRawMutex for &'static PanickingLock {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        struct Unlock(&'static PanickingLock);

        impl Drop for Unlock {
            fn drop(&mut self) {
                self.0.held.store(self.0.stolen.swap(false, SeqCst), SeqCst);
            }
        }

        if self.held.swap(true, SeqCst) {
            return None;
        }
        let _unlock = Unlock(self);
        Some(f())
    }

    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        self.try_with_lock(f).expect("held")
    }

    fn is_locked(&self) -> bool {
        self.held.load(SeqCst)
    }
}

#[test]
fn what_was_inserted_is_the_maps_though_the_lock_panics_next() {
    static LOCK: PanickingLock = PanickingLock::new();
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Counted(u32);

    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }

    let map = SyncMap::<u32, Counted, _>::with_lock(&LOCK);
    (0..100).for_each(|key| drop(map.insert(key, Counted(key))));
    map.promote();
    // The first starts a copy; after the second, there is a step to do.
    map.insert(100, Counted(100));
    LOCK.stolen.store(true, SeqCst);
    let inserted = catch_unwind(AssertUnwindSafe(|| drop(map.insert(101, Counted(101)))));
    LOCK.held.store(false, SeqCst);
    assert!(inserted.is_ok(), "a step that is not done is somebody else's");
    assert_eq!((map.get(&101).map(|value| value.0), DROPPED.load(SeqCst)), (Some(101), 0));

    LOCK.held.store(true, SeqCst);
    let inserted = catch_unwind(AssertUnwindSafe(|| drop(map.insert(102, Counted(102)))));
    assert_eq!(map.try_insert(103, Counted(103)).map(drop).map_err(|error| error.kind), Err(ErrorKind::WouldBlock));
    LOCK.held.store(false, SeqCst);
    assert!(inserted.is_err() && map.get(&102).is_none() && map.len() == 102);
    drop(map);
    assert_eq!(DROPPED.load(SeqCst), 104);
}

/// What another write could not free because of the pin of a removal, that removal frees, also when it would block.
#[test]
fn a_removal_that_would_block_leaves_no_garbage() {
    static LOCK: PanickingLock = PanickingLock::new();
    static MAP: SyncMap<Key, u32, &PanickingLock> = SyncMap::with_lock_and_hasher(&LOCK, twinmap::FxBuildHasher);
    static OVERWRITE: AtomicBool = AtomicBool::new(false);

    struct Key(u32);

    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u32(0); // All in one place, so that `eq` is called.
        }
    }

    impl PartialEq for Key {
        fn eq(&self, other: &Self) -> bool {
            if OVERWRITE.swap(false, SeqCst) {
                std::thread::spawn(|| MAP.insert(Self(1), 10).is_some()).join().unwrap();
            }
            self.0 == other.0
        }
    }

    impl Eq for Key {}

    MAP.insert(Key(1), 1);
    MAP.promote();
    MAP.insert(Key(2), 2);
    MAP.reclaim();
    LOCK.held.store(true, SeqCst);
    OVERWRITE.store(true, SeqCst);
    assert_eq!(MAP.try_remove(&Key(3)).map(|removed| removed.is_some()), Err(WouldBlock));
    LOCK.held.store(false, SeqCst);
    assert!(!OVERWRITE.load(SeqCst) && MAP.garbage().is_empty(), "{:?}", MAP.garbage());
}

/// The step that follows the third key would promote the table, of which these are all the room.
#[test]
fn a_full_table_takes_no_key_though_its_promotion_was_missed() {
    static LOCK: PanickingLock = PanickingLock::new();

    let map = SyncMap::<u32, u32, _>::with_lock(&LOCK);
    (0..2).for_each(|key| drop(map.insert(key, key)));
    LOCK.stolen.store(true, SeqCst);
    map.insert(2, 2);
    LOCK.held.store(false, SeqCst);
    assert_eq!(map.promotions(), 0);
    map.insert(3, 3);
    assert_eq!((map.promotions(), map.len(), map.pin().iter().count()), (1, 4, 4));
}

/// A table that the map did not come to have.
#[test]
fn a_table_is_freed_though_the_lock_panics_when_it_is_brought() {
    static LOCK: PanickingLock = PanickingLock::new();

    let map = SyncMap::<u32, u32, _>::with_lock(&LOCK);
    let panics = || {
        LOCK.stolen.store(true, SeqCst);
        let inserted = catch_unwind(AssertUnwindSafe(|| drop(map.insert(1, 1))));
        assert!(inserted.is_err() && LOCK.held.swap(false, SeqCst));
    };
    panics(); // The first panic of a thread leaves some of its own.
    let before = alloc::usage();
    panics();
    assert_eq!(alloc::usage().live_since(before), 0);
    assert_eq!((map.len(), map.insert(1, 2).is_none(), map.get(&1).as_deref()), (0, true, Some(&2)));
}

/// Nothing else leads any more to what was taken out under the lock.
#[test]
#[cfg(feature = "heapless")]
fn what_was_taken_out_is_freed_though_the_lock_panics_while_it_unlocks() {
    use twinmap::{FixedMap, SpinLock};

    static ARMED: AtomicBool = AtomicBool::new(false);
    static LIVE: AtomicUsize = AtomicUsize::new(0);

    #[derive(Default)]
    struct PanicsAfterwards(SpinLock);

    // SAFETY: a `SpinLock`, which is free again when this panics.
    unsafe impl ScopedRawMutex for PanicsAfterwards {
        fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
            let result = self.0.try_with_lock(f);
            assert!(!ARMED.swap(false, SeqCst), "unlocking fails");
            result
        }

        fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
            let result = self.0.with_lock(f);
            assert!(!ARMED.swap(false, SeqCst), "unlocking fails");
            result
        }

        fn is_locked(&self) -> bool {
            self.0.is_locked()
        }
    }

    #[derive(PartialEq, Eq, Hash)]
    struct Counted(u32);

    fn counted(id: u32) -> Counted {
        LIVE.fetch_add(1, SeqCst);
        Counted(id)
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            LIVE.fetch_sub(1, SeqCst);
        }
    }

    type Map = FixedMap<Counted, Counted, 4, PanicsAfterwards, 1>;
    fn panics(f: impl FnOnce()) {
        ARMED.store(true, SeqCst);
        assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    }

    let map = Map::default();
    // More often than there are spares.
    for round in 0..3 {
        (0..4).for_each(|key| assert!(map.insert(counted(key), counted(round)).unwrap().is_none()));
        let one = counted(1);
        panics(|| drop(map.remove(&one)));
        drop(one);
        assert_eq!(map.len(), 3);
        assert!(map.insert(counted(4), counted(round)).unwrap().is_none());
        assert!(map.is_full() && map.insert(counted(5), counted(5)).is_err_and(|error| error.kind == ErrorKind::Full));
        panics(|| map.clear());
        map.reclaim();
        assert_eq!((map.len(), map.garbage().is_empty(), LIVE.load(SeqCst)), (0, true, 0));
    }
    drop(map);
    assert_eq!(LIVE.load(SeqCst), 0);

    let map = SyncMap::<Counted, Counted, PanicsAfterwards>::default();
    let insert = |key| assert!(map.insert(counted(key), counted(key)).is_none());
    (0..20).for_each(insert);
    map.promote();
    insert(20);
    let recent = counted(20);
    panics(|| drop(map.remove(&recent)));
    drop(recent);
    assert_eq!((map.len(), map.pin().iter().count()), (20, 20));
    map.reclaim();
    assert_eq!((map.garbage().is_empty(), LIVE.load(SeqCst)), (true, 40));
    panics(|| map.clear());
    map.reclaim();
    assert_eq!((map.len(), map.garbage().is_empty(), LIVE.load(SeqCst)), (0, true, 0));
}
