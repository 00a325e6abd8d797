//! Each call of the user's code in turn panics: the map is whole and unlocked, nothing is dropped twice, nothing leaks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::alloc::usage;
use super::count;
use super::keys::{call_hook, on_eq};
use super::tracked::{Census, Tracked};
use crate::GROWS;

thread_local! {
    /// How many calls are yet to succeed.
    static FUSE: Cell<Option<usize>> = const { Cell::new(None) };
    /// What has panicked.
    static BLOWN: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// What user code does first.
fn may_panic(what: &'static str) {
    match FUSE.get() {
        Some(0) => {
            FUSE.set(None);
            BLOWN.with_borrow_mut(|blown| blown.insert(what));
            // Unlike `panic!`, it prints nothing.
            resume_unwind(Box::new(()));
        }
        fuse => FUSE.set(fuse.map(|left| left - 1)),
    }
}

static CENSUS: Census = Census::new();

/// A key or a value whose every method may panic.
struct Fused(Tracked);

fn fused(id: u32) -> Fused {
    Fused(CENSUS.track(id))
}

impl PartialEq for Fused {
    fn eq(&self, other: &Self) -> bool {
        call_hook();
        may_panic("Eq");
        self.0 == other.0
    }
}

impl Eq for Fused {}

impl Hash for Fused {
    fn hash<H: Hasher>(&self, state: &mut H) {
        may_panic("Hash");
        (self.0.id() % 3).hash(state);
    }
}

impl Drop for Fused {
    fn drop(&mut self) {
        may_panic("Drop");
    }
}

type Map = crate::Map<Fused, Fused>;

/// Has keys 0 to 5, with values ten times that.
const KEYS: u32 = 6;
/// Was removed, is only there in memory.
const REMOVED: u32 = 7;
const NEW: u32 = 100;
/// Is there in some states.
const OTHER: u32 = 50;

/// With `REMOVED`, which is yet to be removed.
fn whole() -> Map {
    let map: Map = (0..KEYS).map(|key| (fused(key), fused(10 * key))).collect();
    map.insert(fused(REMOVED), fused(0));
    map
}

fn in_dirty() -> Map {
    let map = whole();
    map.remove(&fused(REMOVED));
    map
}

fn in_read() -> Map {
    let map = whole();
    map.promote();
    map.remove(&fused(REMOVED));
    map
}

/// A part of the keys in each table, and one expunged.
fn in_both() -> Map {
    let map: Map = (0..KEYS / 2).map(|key| (fused(key), fused(10 * key))).collect();
    map.insert(fused(REMOVED), fused(0));
    map.promote();
    map.remove(&fused(REMOVED));
    map.extend_shared(KEYS / 2..KEYS);
    complete_copy(&map);
    map
}

/// With garbage of all kinds, which the next write frees.
fn with_garbage() -> Map {
    let map = in_read();
    let pin = map.pin();
    // (A fixed map has two tables, and gives up one when it is cleared.)
    for _ in 0..if GROWS { 3 } else { 1 } {
        if !GROWS {
            map.clear();
        }
        (0..KEYS).for_each(|key| drop(map.insert(fused(key), fused(10 * key))));
        map.insert(fused(REMOVED), fused(0));
        map.promote();
        map.remove(&fused(REMOVED));
        map.promote();
    }
    drop(pin);
    assert!(map.garbage().values > 0 && map.garbage().entries > 0 && map.garbage().tables > 0);
    map
}

trait ExtendShared {
    fn extend_shared(&self, keys: std::ops::Range<u32>);
}

impl ExtendShared for Map {
    fn extend_shared(&self, keys: std::ops::Range<u32>) {
        keys.for_each(|key| drop(self.insert(fused(key), fused(10 * key))));
    }
}

/// Key 0 once more, after its first entry was expunged.
fn inserted_again() -> Map {
    let map = in_read();
    map.remove(&fused(0));
    // An insertion that finds it removed, and a `dirty`, expunges it.
    map.insert(fused(OTHER), fused(0));
    map.insert(fused(0), fused(0));
    map
}

/// There is a `dirty`, and the copy has not begun.
fn not_copied() -> Map {
    let map = in_read();
    map.insert(fused(OTHER), fused(0));
    assert_eq!(map.stats().copy.map(|copy| copy.done), GROWS.then_some(0));
    map
}

/// All is copied, what was removed since as well, and not promoted.
fn copied() -> Map {
    let map = whole();
    map.promote();
    complete_copy(&map);
    map.remove(&fused(REMOVED));
    map
}

/// A removal did not get the lock: a fixed map still has its key in the table.
fn left_in_the_table() -> Map {
    let map = whole();
    map.promote();
    let removed = Cell::new(false);
    let hook = || {
        let locked = map.try_insert(fused(OTHER), fused(0)).map(|_| map.remove(&fused(OTHER))).is_err();
        if locked && !removed.get() {
            removed.set(map.remove(&fused(REMOVED)).is_some());
        }
    };
    on_eq(hook, || drop(map.insert(fused(OTHER + 1), fused(0))));
    assert!(removed.get(), "no comparison under the lock");
    map
}

/// Inserts others until all is copied.
fn complete_copy(map: &Map) {
    let promotions = map.promotions();
    for other in OTHER.. {
        map.insert(fused(other), fused(0));
        if map.stats().copy.is_none_or(|copy| copy.done == copy.buckets) {
            break;
        }
    }
    assert_eq!((map.stats().copy.is_some(), map.promotions()), (GROWS, promotions));
}

/// What is made of a value, if that does not panic.
fn made(name: &'static str) -> impl FnMut(&Fused) -> Fused {
    move |_| {
        may_panic(name);
        fused(1)
    }
}

type Operation = (&'static str, fn(&mut Map));
type OnKey = fn(&mut Map, u32);

/// Operations on a single key, in any state: the others have to be as before.
const SINGLE: &[(&str, OnKey)] = &[
    ("get", |map, key| drop(map.get(&fused(key)))),
    ("try_get", |map, key| drop(map.try_get(&fused(key)))),
    ("get_key_value", |map, key| assert_eq!(map.pin().get_key_value(&fused(key)).is_some(), key == 0)),
    ("contains_key", |map, key| assert_eq!(map.contains_key(&fused(key)), key == 0)),
    ("insert", |map, key| drop(map.insert(fused(key), fused(1)))),
    ("try_insert", |map, key| drop(map.try_insert(fused(key), fused(1)))),
    ("pinned insert", |map, key| assert_eq!(map.pin().insert(fused(key), fused(1)).is_some(), key == 0)),
    ("get_or_insert", |map, key| drop(map.get_or_insert(fused(key), fused(1)))),
    ("get_or_insert_with", |map, key| {
        drop(map.get_or_insert_with(fused(key), || {
            may_panic("closure of get_or_insert_with");
            fused(1)
        }));
    }),
    ("get_or_insert_with, overtaken", |map, key| {
        drop(map.get_or_insert_with(fused(key), || {
            map.insert(fused(key), fused(1));
            fused(2)
        }));
    }),
    ("update", |map, key| drop(map.update(&fused(key), made("closure of update")))),
    ("update_or_insert", |map, key| {
        drop(map.update_or_insert(fused(key), made("closure of update_or_insert"), fused(1)));
    }),
    ("try_update_or_insert", |map, key| {
        drop(map.try_update_or_insert(fused(key), made("closure of update_or_insert"), fused(1)));
    }),
    ("compare_exchange", |map, key| {
        assert_eq!(map.pin().compare_exchange(&fused(key), &fused(0), fused(1)).is_ok(), key == 0);
    }),
    ("compare_exchange, stale", |map, key| {
        assert!(map.pin().compare_exchange(&fused(key), &fused(8), fused(1)).is_err());
    }),
    ("remove", |map, key| drop(map.remove(&fused(key)))),
    ("try_remove", |map, key| drop(map.try_remove(&fused(key)))),
    ("remove_if", |map, key| {
        map.pin().remove_if(&fused(key), |_| {
            may_panic("closure of remove_if");
            true
        });
    }),
    ("get_mut", |map, key| {
        assert_eq!(map.get_mut(&fused(key)).map(|value| *value = fused(1)).is_some(), key == 0);
    }),
];

/// Operations that leave all keys as they are, or add some.
const OTHERS: &[Operation] = &[
    ("iter", |map| map.pin().iter().for_each(|_| may_panic("loop over iter"))),
    ("iter_mut", |map| map.iter_mut().for_each(|_| may_panic("loop over iter_mut"))),
    ("promote", |map| map.promote()),
    ("reclaim", |map| map.reclaim()),
    ("extend", |map| map.extend((NEW..NEW + 20).map(|key| (fused(key), fused(1))))),
];

/// Operations on everything.
const BULK: &[Operation] = &[
    ("retain", |map| {
        map.pin().retain(|key, _| {
            may_panic("closure of retain");
            key.0.id() % 2 == 0
        });
    }),
    ("clear", |map| map.clear()),
    ("remove all", |map| (0..KEYS).for_each(|key| drop(map.remove(&fused(key))))),
    ("drain", |map| assert_eq!(map.drain().take(2).count(), 2)),
    ("into_iter", |map| assert_eq!(std::mem::take(map).into_iter().take(2).count(), 2)),
    ("drop", |map| drop(std::mem::take(map))),
    ("rebuild", |map| *map = std::mem::take(map).into_iter().collect()),
];

/// Runs `operation` with each call of user code panicking in turn, on a new map each time. The keys that are not
/// `changed` have to be as before.
fn with_each_call_panicking(
    make: fn() -> Map,
    name: &str,
    operation: impl Fn(&mut Map),
    changed: impl Fn(u32) -> bool,
) {
    // (Under Miri, some of the calls, and not always the same; of a fixed map fewer, for each takes it so long.)
    let first = count(0, name.len() % 8);
    for n in (first..).step_by(count(1, if GROWS { 29 } else { 67 })) {
        let start = usage();
        let mut map = make();
        let keys = map.len();
        FUSE.set(Some(n));
        let result = catch_unwind(AssertUnwindSafe(|| operation(&mut map)));
        let panicked = FUSE.take().is_none();
        assert_eq!(result.is_err(), panicked, "{name}: a panic of the map's own, or one that was swallowed");
        drop(result);
        // Unless it was the map's garbage that panicked, before anything was taken out.
        assert!(name != "drain" || map.is_empty() || map.len() == keys, "{name} {n}: {} are left", map.len());

        // Unlocked, and whole.
        assert!(map.try_insert(fused(200), fused(200)).is_ok(), "{name} {n}: still locked");
        for key in 0..KEYS {
            let value = map.get(&fused(key)).map(|value| value.0.id());
            assert!(
                value == Some(10 * key) || changed(key) && matches!(value, None | Some(1)),
                "{name} {n}: {key} {value:?}"
            );
        }
        for key in [REMOVED, NEW] {
            let value = map.get(&fused(key)).map(|value| value.0.id());
            assert!(value.is_none() || changed(key) && value == Some(1), "{name} {n}: {key} {value:?}");
        }
        assert_eq!(map.pin().iter().count(), map.len(), "{name} {n}");
        map.remove(&fused(200));
        // It works on, also what an earlier call did not finish: nothing is lost that was to be freed.
        let more = NEW..NEW + count(40, 4) as u32;
        more.clone().for_each(|key| drop(map.insert(fused(key), fused(key))));
        more.for_each(|key| drop(map.remove(&fused(key))));
        map.promote();
        map.promote();
        map.reclaim();
        assert!(map.garbage().is_empty(), "{name} {n}");
        assert_eq!(CENSUS.live(), 2 * map.len(), "{name} {n}: leaked");
        drop(map);
        assert_eq!((CENSUS.live(), usage().live_since(start)), (0, 0), "{name} {n}: leaked");
        if !panicked {
            assert!(n > 0 || matches!(name, "promote" | "reclaim"), "{name}: calls no user code");
            return;
        }
    }
}

/// One test, since the census is shared.
#[test]
fn a_panic_in_user_code_leaves_the_map_whole_and_unlocked() {
    // The first panic of a thread allocates something that stays, here and in `BLOWN`.
    FUSE.set(Some(0));
    catch_unwind(|| may_panic("")).unwrap_err();

    let makes: [fn() -> Map; 8] =
        [in_both, with_garbage, in_dirty, in_read, not_copied, copied, inserted_again, left_in_the_table];
    // (Miri has time for one of them.)
    for &make in &makes[if cfg!(miri) { 1..2 } else { 0..makes.len() }] {
        for &(name, operation) in SINGLE {
            for key in [0, REMOVED, NEW].into_iter().step_by(count(1, 2)) {
                with_each_call_panicking(make, name, |map| operation(map, key), |changed| changed == key);
            }
        }
        OTHERS.iter().for_each(|&(name, f)| with_each_call_panicking(make, name, f, |key| key == NEW));
        BULK.iter().for_each(|&(name, f)| with_each_call_panicking(make, name, f, |_| true));
    }
    CENSUS.assert_all_dropped();
    let mut blown = BLOWN.take();
    blown.remove("");
    let all = [
        "Drop",
        "Eq",
        "Hash",
        "closure of get_or_insert_with",
        "closure of remove_if",
        "closure of retain",
        "closure of update",
        "closure of update_or_insert",
        "loop over iter",
        "loop over iter_mut",
    ];
    assert!(blown.iter().eq(&all) || cfg!(miri) && blown.len() > 3, "{blown:?}");
}
