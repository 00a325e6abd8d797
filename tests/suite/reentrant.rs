//! Calls to a map from the code that it calls: closures, iteration, `Drop`; and `Eq`, which runs under the lock.

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use twinmap::{ErrorKind, WouldBlock};

use super::count;
use super::keys::{Collide, on_eq};
use crate::{GROWS, Map};

/// Whether the map is whole, and nothing holds its lock.
#[track_caller]
fn assert_works(map: &Map<u32, u32>) {
    assert!(map.try_insert(u32::MAX, 1).unwrap().is_none());
    assert!(map.try_remove(&u32::MAX).unwrap().is_some());
    assert_eq!(map.pin().iter().count(), map.len());
}

fn map_of(keys: u32) -> Map<u32, u32> {
    (0..keys).map(|key| (key, key)).collect()
}

#[test]
fn the_map_can_be_changed_during_iteration() {
    let map = map_of(20);
    let pin = map.pin();
    let mut seen = 0;
    for (&key, &value) in &pin {
        if key >= 100 && !GROWS {
            continue; // (A table that was promoted gets no new keys.)
        }
        assert_eq!(key, value);
        seen += 1;
        map.insert(key + 100, 0);
        assert_eq!(map.remove(&key).as_deref(), Some(&key));
        assert_eq!(map.get(&(key + 100)).as_deref(), Some(&0));
        map.promote();
        assert_eq!(map.get(&(key + 100)).as_deref(), Some(&0));
        assert_eq!(map.pin().iter().count(), 20);
    }
    assert_eq!(seen, 20);
    drop(pin);
    assert_works(&map);

    let pin = map.pin();
    assert_eq!(pin.iter().inspect(|_| map.clear()).count(), 1, "after `clear` no key is live");
    assert!(map.is_empty());
    drop(pin);
    assert_works(&map);
}

#[test]
fn update_may_call_the_map_and_is_called_again_when_overtaken() {
    let map = map_of(4);
    let calls = Cell::new(0);
    let new = map.update(&1, |value| {
        calls.set(calls.get() + 1);
        map.insert(100, 0); // Another key.
        if calls.get() == 1 {
            map.insert(1, 50); // The same one: this call comes to nothing.
        }
        map.promote();
        value + 1
    });
    assert_eq!((new.as_deref(), calls.get()), (Some(&51), 2));
    drop(new);

    let removed = map.update(&2, |value| {
        map.remove(&2);
        value + 1
    });
    assert!(removed.is_none() && !map.contains_key(&2));
    assert_works(&map);
}

#[test]
fn update_or_insert_inserts_when_the_key_is_removed_meanwhile_and_updates_when_it_comes_back() {
    let map = map_of(4);
    let new = map.update_or_insert(
        2,
        |value| {
            map.remove(&2);
            value + 1
        },
        7,
    );
    assert_eq!(*new, 7);
    drop(new);

    let calls = Cell::new(0);
    let new = map.update_or_insert(
        2,
        |value| {
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                map.remove(&2);
                map.insert(2, 50);
            }
            value + 1
        },
        8,
    );
    assert_eq!((*new, calls.get()), (51, 2));
    drop(new);
    assert_works(&map);
}

#[test]
fn get_or_insert_with_may_call_the_map() {
    let map = map_of(4);
    let outer = map.get_or_insert_with(10, || {
        assert!(map.get(&10).is_none());
        map.insert(11, 0);
        map.promote();
        *map.get_or_insert_with(10, || 1) + 1
    });
    assert_eq!(*outer, 1, "the inner call was first");
    drop(outer);
    assert_works(&map);
}

#[test]
fn retain_and_remove_if_may_call_the_map() {
    let map = map_of(20);
    let pin = map.pin();
    pin.retain(|&key, _| {
        map.insert(key + 100, 0);
        map.remove(&((key + 1) % 20));
        map.promote();
        key % 2 == 0
    });
    assert!(map.pin().keys().all(|&key| key >= 100 || key % 2 == 0));
    drop(pin);
    assert_works(&map);

    let map = map_of(4);
    let pin = map.pin();
    let calls = Cell::new(0);
    let removed = pin.remove_if(&1, |_| {
        calls.set(calls.get() + 1);
        map.promote();
        map.insert(1, 10 * calls.get());
        map.insert(100, 0);
        calls.get() == 3 // It was overtaken by itself each time, ...
            || map.remove(&1).is_none() // ... and here it removed the key.
    });
    assert_eq!((removed, calls.get()), (None, 1));
    assert!(!map.contains_key(&1));
    drop(pin);
    assert_works(&map);
}

/// What says so is told that somebody is at it, who is to free all then, too.
#[test]
fn drop_of_a_value_may_reclaim() {
    const KEYS: u32 = count(100, 60) as u32;
    static MAP: LazyLock<Map<u32, Reclaims>> = LazyLock::new(Map::default);

    struct Reclaims;

    impl Drop for Reclaims {
        fn drop(&mut self) {
            MAP.reclaim();
        }
    }

    (0..KEYS).for_each(|key| drop(MAP.insert(key, Reclaims)));
    MAP.promote();
    let pin = MAP.pin();
    (1..KEYS).for_each(|key| drop(MAP.remove(&key)));
    MAP.promote();
    assert!(MAP.garbage().entries > KEYS as usize / 2);
    drop(pin);
    MAP.insert(0, Reclaims);
    assert!(MAP.garbage().is_empty(), "{:?}", MAP.garbage());
}

#[test]
fn drop_of_a_value_may_call_the_map() {
    static MAP: LazyLock<Map<u32, CallsMap>> = LazyLock::new(Map::default);
    static DROPS: AtomicUsize = AtomicUsize::new(0);

    /// Leaves another one behind, so many times.
    struct CallsMap(u32);
    impl Drop for CallsMap {
        fn drop(&mut self) {
            DROPS.fetch_add(1, SeqCst);
            MAP.get(&0);
            MAP.promote();
            MAP.reclaim();
            if self.0 > 0 {
                MAP.insert(100 + self.0, CallsMap(self.0 - 1));
                MAP.remove(&(100 + self.0));
            }
        }
    }

    MAP.insert(0, CallsMap(0));
    MAP.promote();
    for (i, f) in [
        || drop(MAP.insert(1, CallsMap(0))),
        || drop(MAP.remove(&1)),
        || drop(MAP.update(&1, |_| CallsMap(0))),
        || MAP.pin().retain(|&key, _| key == 0),
        || MAP.clear(),
    ]
    .into_iter()
    .enumerate()
    {
        MAP.insert(1, CallsMap(3));
        if i % 2 == 0 {
            MAP.promote();
        }
        let before = DROPS.load(SeqCst);
        f();
        MAP.reclaim(); // `retain` itself was a reader.
        assert!(DROPS.load(SeqCst) >= before + 4, "the value and the three that follow");
        assert!(MAP.garbage().is_empty());
    }
    MAP.clear();
    assert_eq!((MAP.len(), MAP.garbage().is_empty()), (0, true));
}

/// A map in which an insertion of `Collide(2)` compares under the lock; and a look-up, if there is a `dirty`.
fn compares_under_the_lock() -> Map<Collide, u32> {
    let map = Map::default();
    map.insert(Collide(1), 1);
    map
}

#[test]
fn try_operations_from_eq_under_the_lock_would_block_and_hand_everything_back() {
    let map = compares_under_the_lock();
    let ran = Cell::new(0);
    let f = || {
        // (A fixed map compares without the lock as well.)
        if map.try_insert(Collide(3), 33).map(|_| map.remove(&Collide(3))).is_ok() {
            return;
        }
        ran.set(ran.get() + 1);
        // (Of a fixed map, all keys are known.)
        let absent = if GROWS { Err(WouldBlock) } else { Ok(false) };
        assert_eq!(map.try_get(&Collide(3)).map(|value| value.is_some()), absent);
        assert_eq!(map.pin().try_get(&Collide(3)).map(|value| value.is_some()), absent);
        assert_eq!(map.try_remove(&Collide(3)).map(|value| value.is_some()), absent);
        assert_eq!(map.pin().try_remove(&Collide(3)).map(|value| value.is_some()), absent);
        let error = map.try_insert(Collide(3), 33).unwrap_err();
        assert_eq!((error.key, error.value, error.kind), (Collide(3), 33, ErrorKind::WouldBlock));
        let error = map.pin().try_insert(Collide(3), 33).unwrap_err();
        assert_eq!((error.key, error.value, error.kind), (Collide(3), 33, ErrorKind::WouldBlock));
        // It must not wait either.
        assert_eq!(format!("{map:?}"), if GROWS { "{..}" } else { "{Collide(1): 1}" });
    };
    on_eq(f, || assert!(map.insert(Collide(2), 2).is_none()));

    assert_eq!((ran.get(), map.len()), (1, 2));
    assert!(map.try_insert(Collide(3), 3).unwrap().is_none(), "it is unlocked again");
    assert_eq!(format!("{:?}", map.get(&Collide(3)).unwrap()), "3");
}

#[test]
fn hits_and_writes_of_promoted_keys_work_from_eq_under_the_lock() {
    let map = compares_under_the_lock();
    map.promote();
    map.insert(Collide(4), 4);
    let ran = Cell::new(false);
    let hook = || {
        // (The insertion compares without the lock as well.)
        let locked = map.try_insert(Collide(5), 5).map(|_| map.remove(&Collide(5))).is_err();
        if locked && !ran.replace(true) {
            assert_eq!(map.get(&Collide(1)).as_deref(), Some(&1));
            assert_eq!(map.insert(Collide(1), 10).as_deref(), Some(&1));
            assert_eq!(map.update(&Collide(1), |value| value + 1).as_deref(), Some(&11));
            assert_eq!(map.pin().compare_exchange(&Collide(1), &11, 12), Ok(&11));
            assert_eq!(map.remove(&Collide(1)).as_deref(), Some(&12));
            assert!(map.get(&Collide(1)).is_none());
        }
    };
    on_eq(hook, || assert!(map.insert(Collide(2), 2).is_none()));
    assert!(ran.get(), "never under the lock");
    assert_eq!(map.len(), 2);
}

/// Nor does another core that writes as fast as this one frees.
#[test]
fn a_destructor_that_always_writes_again_does_not_keep_the_first_writer() {
    static MAP: LazyLock<Map<u32, Again>> = LazyLock::new(Map::default);
    static DROPS: AtomicUsize = AtomicUsize::new(0);

    struct Again;

    impl Drop for Again {
        fn drop(&mut self) {
            if DROPS.fetch_add(1, SeqCst) < 1_000 {
                MAP.insert(1, Again);
            }
        }
    }

    MAP.insert(1, Again);
    MAP.promote();
    for _ in 0..3 {
        let before = DROPS.load(SeqCst);
        MAP.insert(1, Again);
        // And what is left is the next write's.
        let drops = DROPS.load(SeqCst) - before;
        assert!((1..300).contains(&drops), "{drops}");
    }
}

#[test]
fn destructors_that_remove_the_next_one_do_not_nest() {
    static MAP: LazyLock<Map<u32, Next>> = LazyLock::new(Map::default);
    static DEPTH: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

    struct Next(u32);

    impl Drop for Next {
        fn drop(&mut self) {
            let [now, most] = &DEPTH;
            let depth = now.fetch_add(1, SeqCst) + 1;
            most.fetch_max(depth, SeqCst);
            MAP.remove(&(self.0 + 1));
            now.fetch_sub(1, SeqCst);
        }
    }

    (0..20).for_each(|key| drop(MAP.insert(key, Next(key))));
    MAP.promote();
    MAP.remove(&0);
    assert_eq!((MAP.len(), DEPTH[1].load(SeqCst)), (0, 1));
    assert!(MAP.garbage().values == 0, "{:?}", MAP.garbage());
}
