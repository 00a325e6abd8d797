//! What takes the lock and what does not, what runs under it, and what happens while it is held: seen by a lock of the
//! user's own. Written once: each map has a file beside this directory that says which `Map` is meant.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use twinmap::{ErrorKind, ScopedRawMutex, SpinLock, WouldBlock};

use crate::{GROWS, Map};

/// A lock that counts. The clone that a test keeps is the same lock.
#[derive(Clone, Default)]
pub struct Watched(Arc<Inner>);

#[derive(Default)]
struct Inner {
    lock: SpinLock,
    /// Calls that would have waited, and that would not.
    waits: AtomicUsize,
    tries: AtomicUsize,
}

thread_local! {
    static LOCKED: Cell<bool> = const { Cell::new(false) };
    /// Somebody is always waiting for the lock, and gets it: nobody has it by trying.
    pub static HANDED_ON: Cell<bool> = const { Cell::new(false) };
    /// What others do each time that the lock comes free.
    pub static OTHERS: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Notes that this thread has the lock, also when it unwinds.
fn locked<R>(f: impl FnOnce() -> R) -> R {
    struct Unlocked;
    impl Drop for Unlocked {
        fn drop(&mut self) {
            LOCKED.set(false);
        }
    }
    LOCKED.set(true);
    let _unlocked = Unlocked;
    f()
}

/// Lets them. (Taken out while they do: they take the lock themselves.)
fn others() {
    if let Some(mut others) = OTHERS.take() {
        others();
        OTHERS.set(Some(others));
    }
}

// SAFETY: it is a `SpinLock`, which it calls for each operation.
unsafe impl ScopedRawMutex for Watched {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        self.0.tries.fetch_add(1, SeqCst);
        if HANDED_ON.get() {
            return None;
        }
        let result = self.0.lock.try_with_lock(|| locked(f));
        others();
        result
    }

    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        assert!(!LOCKED.get(), "would hang");
        let waits = self.0.waits.fetch_add(1, SeqCst);
        assert!(waits < 1_000_000, "nothing comes of it");
        let result = self.0.lock.with_lock(|| locked(f));
        others();
        result
    }

    fn is_locked(&self) -> bool {
        self.0.lock.is_locked()
    }
}

impl Watched {
    /// How often `f` waited for the lock, and how often it tried.
    pub fn during(&self, f: impl FnOnce()) -> (usize, usize) {
        let counts = || (self.0.waits.load(SeqCst), self.0.tries.load(SeqCst));
        let before = counts();
        f();
        let after = counts();
        (after.0 - before.0, after.1 - before.1)
    }
}

/// A map with the keys below `keys`, all of them promoted.
pub fn promoted(keys: u32) -> (Map<u32, u32>, Watched) {
    let lock = Watched::default();
    let map = Map::with_lock(lock.clone());
    assert_ne!(lock.during(|| (0..keys).for_each(|key| drop(map.insert(key, key)))), (0, 0));
    map.promote();
    (map, lock)
}

/// The same, with key 1_000_000 in the table that is written.
pub fn amended(keys: u32) -> (Map<u32, u32>, Watched) {
    let (map, lock) = promoted(keys);
    // To insert; and if tables are allocated, before that to see that one is needed, and to bring it.
    let waits = if GROWS { 3 } else { 1 };
    assert_eq!(lock.during(|| drop(map.insert(1_000_000, 1_000_000))), (waits, 0));
    (map, lock)
}

#[test]
fn hits_take_no_lock() {
    for (map, lock) in [promoted(50), amended(50)] {
        let hits = || {
            for key in 0..50 {
                assert_eq!(map.get(&key).as_deref(), Some(&key));
                assert_eq!(map.try_get(&key).unwrap().as_deref(), Some(&key));
                assert!(map.contains_key(&key));
                assert_eq!(*map.get_or_insert(key, 0), key);
                let pin = map.pin();
                assert_eq!(pin.get(&key), Some(&key));
                assert_eq!(pin.try_get(&key), Ok(Some(&key)));
                assert_eq!(pin.get_key_value(&key), Some((&key, &key)));
                assert!(pin.contains_key(&key));
                assert_eq!(pin.get_or_insert_with(key, || unreachable!()), &key);
                assert_eq!(pin.len(), map.len());
            }
        };
        assert_eq!(lock.during(hits), (0, 0));
    }
}

#[test]
fn misses_and_iteration_take_no_lock_when_nothing_was_added() {
    let (map, lock) = promoted(50);
    let misses = || {
        assert!((50..100).all(|key| map.get(&key).is_none() && !map.contains_key(&key)));
        assert!((50..100).all(|key| map.remove(&key).is_none() && map.update(&key, |_| 0).is_none()));
        assert_eq!(map.pin().iter().count() + map.pin().keys().count() + map.pin().values().count(), 150);
        map.promote();
        map.reclaim();
    };
    assert_eq!(lock.during(misses), (0, 0));
    // Else they do, until there were as many as pay for a promotion. A step is not waited for.
    let (map, lock) = amended(50);
    let (waits, tries) = lock.during(|| assert!((50..500).all(|key| map.get(&key).is_none())));
    let expected = if GROWS { 1..100 } else { 0..1 };
    assert!(expected.contains(&waits) && tries <= waits, "{waits} {tries}");
}

/// How often so many removals of known keys try the lock. A fixed map wants the memory for another key.
fn tries_of(removals: usize) -> usize {
    if GROWS { 0 } else { removals }
}

#[test]
fn overwriting_and_removing_a_promoted_key_waits_for_no_lock() {
    for (map, lock) in [promoted(50), amended(50)] {
        let writes = || {
            for key in 0..50 {
                assert!(map.insert(key, 1).is_some());
                assert!(map.try_insert(key, 2).unwrap().is_some());
                assert!(map.update(&key, |value| value + 1).is_some());
                let pin = map.pin();
                assert!(pin.insert(key, 4).is_some());
                assert_eq!(pin.compare_exchange(&key, &4, 5), Ok(&4));
                assert!(pin.compare_exchange(&key, &4, 5).is_err());
            }
            // (Not so many that the table becomes much too large: see below.)
            assert!((0..4).all(|key| map.remove(&key).is_some()));
            assert!((4..8).all(|key| map.try_remove(&key).unwrap().is_some()));
            assert!((8..12).all(|key| map.pin().remove_if(&key, |&value| value == 5).is_some()));
        };
        assert_eq!(lock.during(writes), (0, tries_of(12)));
    }
}

#[test]
fn storing_a_removed_key_again_takes_no_lock_when_nothing_was_added() {
    let (map, lock) = promoted(50);
    let again = || {
        for key in (0..50).chain(0..50) {
            assert!(map.remove(&key).is_some());
            assert!(map.insert(key, 1).is_none());
        }
    };
    // (A fixed map watches its limit under the lock, for a moment each.)
    assert_eq!(lock.during(again), (if GROWS { 0 } else { 100 }, tries_of(100)));
}

#[test]
fn removals_that_leave_a_table_much_too_large_try_the_lock_and_do_not_wait() {
    let (map, lock) = promoted(60);
    assert_eq!(lock.during(|| assert!((0..25).all(|key| map.remove(&key).is_some()))), (0, tries_of(25)));
    let (waits, tries) = lock.during(|| assert!((25..60).all(|key| map.remove(&key).is_some())));
    assert!(waits == 0 && tries > tries_of(34), "{waits} {tries}");

    // A small table is never too large.
    let (map, lock) = promoted(4);
    assert_eq!(lock.during(|| assert!((0..4).all(|key| map.remove(&key).is_some()))), (0, tries_of(4)));
}

/// Also when no key was inserted.
#[test]
fn a_miss_takes_the_lock_while_a_smaller_table_is_made() {
    let (map, lock) = promoted(60);
    let blocks = || lock.clone().with_lock(|| map.try_get(&0).is_err());
    assert!(!blocks());
    let begun = (0..60).find(|key| {
        map.remove(key);
        blocks()
    });
    assert_eq!(begun.is_some(), GROWS);
    let known = || assert!(map.get(&59).is_some() && map.insert(58, 1).is_some());
    let miss = || assert!(map.get(&100).is_none());
    if GROWS {
        assert_eq!((lock.during(known), lock.during(miss).0), ((0, 0), 1));
    }
    map.promote();
    assert_eq!(lock.during(miss), (0, 0));
}

/// Keys, of which a table that grows has several sizes.
fn many() -> u32 {
    match () {
        () if !GROWS => 60,
        () if cfg!(miri) => 200,
        () => 1_000,
    }
}

/// As a lock is that is fair, when there are enough threads.
#[test]
fn a_lock_that_is_not_had_by_trying_holds_nothing_up() {
    let (map, _) = promoted(20);
    HANDED_ON.set(true);
    let keys = many();
    for key in 20..keys {
        map.insert(key, key);
        assert!(map.contains_key(&key) && !map.contains_key(&keys));
    }
    assert_eq!(map.pin().iter().count(), keys as usize);
    map.insert(keys, keys);
    map.promote();
    map.insert(keys + 1, keys + 1);
    map.pin().retain(|key, _| key % 2 == 0);
    assert!((0..keys).step_by(2).all(|key| map.remove(&key).is_some()));
    assert_eq!(map.len(), 1);
    HANDED_ON.set(false);
}

#[test]
fn promote_leaves_nothing_to_promote() {
    let keys = many();
    let (map, lock) = promoted(keys);
    // Removals that cannot have the lock leave a table that takes several rounds to become small.
    lock.clone().with_lock(|| assert!((1..keys).all(|key| map.remove(&key).is_some())));
    map.promote();
    let promotions = map.promotions();
    map.promote();
    assert_eq!((map.promotions(), map.len(), map.garbage().is_empty()), (promotions, 1, true));
}

#[test]
fn while_the_lock_is_held_try_operations_would_block_and_hand_everything_back() {
    let (map, lock) = amended(60);
    let promotions = map.promotions();
    lock.clone().with_lock(|| {
        // (A fixed map knows all of its keys, and which it does not have.)
        let unknown = if GROWS { 1_000_000..1_000_002 } else { 1_000_001..1_000_002 };
        let absent = if GROWS { Err(WouldBlock) } else { Ok(false) };
        for key in unknown {
            assert_eq!(map.try_get(&key).map(|value| value.is_some()), absent);
            assert_eq!(map.pin().try_get(&key).map(|value| value.is_some()), absent);
            assert_eq!(map.try_remove(&key).map(|value| value.is_some()), absent);
            assert_eq!(map.pin().try_remove(&key).map(|value| value.is_some()), absent);
            let error = map.try_insert(key, 5).unwrap_err();
            assert_eq!((error.key, error.value, error.kind), (key, 5, ErrorKind::WouldBlock));
            let error = map.pin().try_insert(key, 5).unwrap_err();
            assert_eq!((error.key, error.value, error.kind), (key, 5, ErrorKind::WouldBlock));
            let error = map.try_update_or_insert(key, |_| unreachable!(), 5).unwrap_err();
            assert_eq!((error.key, error.value, error.kind), (key, 5, ErrorKind::WouldBlock));
            let error = map.pin().try_update_or_insert(key, |_| unreachable!(), 5).unwrap_err();
            assert_eq!((error.key, error.value, error.kind), (key, 5, ErrorKind::WouldBlock));
        }
        // What needs no lock goes on: from an interrupt handler that preempted the holder, for instance.
        let waits = lock.during(|| {
            assert_eq!(map.get(&1).as_deref(), Some(&1));
            assert_eq!(map.insert(1, 2).as_deref(), Some(&1));
            assert!(map.update(&1, |value| value + 1).is_some());
            assert_eq!(*map.try_update_or_insert(1, |value| value + 1, 0).unwrap(), 4);
            // So do removals that would rather have a smaller table, or take the entry out.
            assert!((0..60).all(|key| map.remove(&key).is_some()));
            map.reclaim();
            // It shows what it can.
            assert_eq!(format!("{map:?}"), if GROWS { "{..}" } else { "{1000000: 1000000}" });
        });
        assert_eq!(waits.0, 0);
    });
    assert_eq!((map.len(), map.promotions()), (1, promotions));
    assert_eq!(map.try_get(&1_000_000).unwrap().as_deref(), Some(&1_000_000));
    assert!(map.try_insert(1_000_001, 5).unwrap().is_none());
}

/// From a handler, perhaps: what many have removed is not for it to free.
#[test]
fn a_write_that_would_block_frees_little() {
    let (map, lock) = promoted(60);
    let pin = map.pin();
    lock.clone().with_lock(|| (0..30).for_each(|key| drop(map.remove(&key))));
    map.promote();
    // From now on, a key that is not known is looked for under the lock.
    map.insert(1_000_000, 0);
    drop(pin);
    let before = map.garbage().entries;
    assert!(!GROWS || before >= 30 && map.garbage().tables > 0);
    lock.clone().with_lock(|| {
        assert_eq!(map.try_insert(1_000_001, 1).unwrap_err().kind, ErrorKind::WouldBlock);
        assert_eq!(map.try_update_or_insert(1_000_001, |_| unreachable!(), 1).unwrap_err().kind, ErrorKind::WouldBlock);
    });
    assert!(!GROWS || map.garbage().entries + 10 >= before, "{} of {before} are left", map.garbage().entries);
    assert_eq!(map.garbage().tables, 0, "but what waited for the pin only");
    map.reclaim();
    assert!(map.garbage().is_empty());
}

/// A key; of its methods and those of the value, nothing but its `Eq` may run under the lock.
struct Outside(u32);

thread_local! {
    static EQ_UNDER_THE_LOCK: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

#[track_caller]
fn assert_not_locked() {
    CALLS.set(CALLS.get() + 1);
    assert!(!LOCKED.get(), "user code under the lock");
}

impl Hash for Outside {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert_not_locked();
        (self.0 % 16).hash(state);
    }
}

impl Eq for Outside {}
impl PartialEq for Outside {
    fn eq(&self, other: &Self) -> bool {
        EQ_UNDER_THE_LOCK.set(EQ_UNDER_THE_LOCK.get() + usize::from(LOCKED.get()));
        self.0 == other.0
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        assert_not_locked();
    }
}

struct Value(u8);

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        assert_not_locked();
        self.0 == other.0
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert_not_locked();
    }
}

#[test]
fn no_user_code_but_eq_runs_under_the_lock() {
    let lock = Watched::default();
    let map = Map::<Outside, Value>::with_lock(lock.clone());
    let outside = |result: bool| {
        assert_not_locked();
        result
    };
    let mut random = 1_u32;
    let taken = lock.during(|| {
        for i in 0..if cfg!(miri) { 600 } else { 30_000 } {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let key = Outside(random % 64);
            match random / 64 % 40 {
                0..12 => drop(map.insert(key, Value(0))),
                12..14 => drop(map.try_insert(key, Value(0))),
                14..22 => drop(map.remove(&key)),
                22..24 => drop(map.get_or_insert_with(key, || Value(u8::from(outside(true))))),
                24 => drop(map.update(&key, |_| Value(u8::from(outside(true))))),
                25 => drop(map.update_or_insert(key, |_| Value(u8::from(outside(true))), Value(0))),
                26..28 => drop(map.pin().compare_exchange(&key, &Value(0), Value(1))),
                28..30 => drop(map.pin().remove_if(&key, |_| outside(true))),
                30..35 => drop(map.get(&key)),
                35 => map.promote(),
                36 if i % 8 == 0 => map.clear(),
                37 => map.pin().retain(|key, _| outside(key.0 % 3 != 0)),
                _ => assert!(map.pin().iter().all(|(key, _)| outside(key.0 < 64))),
            }
        }
    });
    assert_eq!((map.promotions() > 10, taken.0 > 100), (GROWS, true));
    assert!(CALLS.get() > 1_000 && EQ_UNDER_THE_LOCK.get() > 10);
}
