//! Auto traits, maps in statics, `Debug`, and unusual types of keys and values.
#![cfg(all(feature = "alloc", feature = "heapless", not(loom)))]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::hash::BuildHasherDefault;
use std::rc::Rc;
use std::sync::MutexGuard;

use static_assertions::{assert_impl_all, assert_not_impl_any};
#[cfg(feature = "critical-section")]
use twinmap::CriticalSectionLock;
use twinmap::{
    CompareExchangeError, Drain, ErrorKind, FixedMap, FxBuildHasher, Garbage, InsertError, IntoIter, Iter, IterMut,
    Keys, Pinned, Ref, ScopedRawMutex, SpinLock, SyncMap, Values, WouldBlock,
};

/// `Send`, not `Sync`.
type Unshared = Cell<u8>;
/// `Sync`, not `Send`.
type Unsent = MutexGuard<'static, u8>;
/// Neither.
type Neither = Rc<u8>;
/// A hasher, or a lock, that is neither.
struct NeitherOne(#[allow(dead_code)] *const u8); // There for its type alone.

/// What holds for the maps over both storages.
macro_rules! auto_traits {
    () => {
        use super::*;

        // A shared map gives `&K` and `&V` to other threads, and takes in and drops keys and values of other threads.
        assert_impl_all!(MapOf<u8, u8>: Send, Sync, Unpin);
        assert_impl_all!(MapOf<Unshared, Unshared>: Send);
        assert_not_impl_any!(MapOf<Unshared, u8>: Sync);
        assert_not_impl_any!(MapOf<u8, Unshared>: Sync);
        assert_not_impl_any!(MapOf<Unsent, u8>: Send, Sync);
        assert_not_impl_any!(MapOf<u8, Unsent>: Send, Sync);
        assert_not_impl_any!(MapOf<u8, Neither>: Send, Sync);
        assert_not_impl_any!(MapOf<Neither, u8>: Send, Sync);
        assert_not_impl_any!(MapOf<u8, u8, NeitherOne>: Send, Sync);
        assert_not_impl_any!(MapOf<u8, u8, Unshared>: Sync);
        assert_not_impl_any!(MapOf<u8, u8, SpinLock, NeitherOne>: Send, Sync);
        assert_not_impl_any!(MapOf<u8, u8, SpinLock, Unshared>: Sync);

        // A guard is a shared map.
        assert_impl_all!(Pinned<'static, MapOf<u8, u8>>: Send, Sync);
        assert_not_impl_any!(Pinned<'static, MapOf<Unshared, u8>>: Send, Sync);
        assert_not_impl_any!(Pinned<'static, MapOf<u8, Unshared>>: Send, Sync);
        assert_not_impl_any!(Pinned<'static, MapOf<Unsent, u8>>: Send, Sync);
        assert_not_impl_any!(Pinned<'static, MapOf<u8, Unsent>>: Send, Sync);
        assert_not_impl_any!(Pinned<'static, MapOf<u8, u8, Unshared>>: Send, Sync);
        assert_not_impl_any!(Pinned<'static, MapOf<u8, u8, SpinLock, Unshared>>: Send, Sync);

        // So is a `Ref`, which also drops what it finds when it comes from a write.
        assert_impl_all!(Ref<'static, u8, u8>: Send, Sync);
        assert_not_impl_any!(Ref<'static, Unshared, u8>: Send, Sync);
        assert_not_impl_any!(Ref<'static, u8, Unshared>: Send, Sync);
        assert_not_impl_any!(Ref<'static, Unsent, u8>: Send, Sync);
        assert_not_impl_any!(Ref<'static, u8, Unsent>: Send, Sync);

        // Iterators are what they give.
        assert_impl_all!(Iter<'static, u8, u8, St<u8, u8>>: Send, Sync, Clone);
        assert_impl_all!(Keys<'static, u8, u8, St<u8, u8>>: Send, Sync, Clone);
        assert_impl_all!(Values<'static, u8, u8, St<u8, u8>>: Send, Sync, Clone);
        assert_not_impl_any!(Iter<'static, Unshared, u8, St<Unshared, u8>>: Send, Sync);
        assert_not_impl_any!(Iter<'static, u8, Unshared, St<u8, Unshared>>: Send, Sync);
        assert_not_impl_any!(Keys<'static, Unshared, u8, St<Unshared, u8>>: Send, Sync);
        assert_not_impl_any!(Values<'static, u8, Unshared, St<u8, Unshared>>: Send, Sync);
        assert_impl_all!(IterMut<'static, u8, u8, St<u8, u8>>: Send, Sync);
        assert_impl_all!(IterMut<'static, u8, Unshared, St<u8, Unshared>>: Send);
        assert_not_impl_any!(IterMut<'static, u8, Unshared, St<u8, Unshared>>: Sync, Clone);
        assert_not_impl_any!(IterMut<'static, u8, Unsent, St<u8, Unsent>>: Send);
        assert_not_impl_any!(IterMut<'static, Unshared, u8, St<Unshared, u8>>: Send, Sync);
        assert_impl_all!(IntoIter<u8, u8, St<u8, u8>, SpinLock>: Send, Sync);
        assert_impl_all!(IntoIter<Unshared, Unshared, St<Unshared, Unshared>, SpinLock>: Send);
        assert_not_impl_any!(IntoIter<Unsent, u8, St<Unsent, u8>, SpinLock>: Send);
        assert_not_impl_any!(IntoIter<u8, Unsent, St<u8, Unsent>, SpinLock>: Send);
        assert_impl_all!(Drain<'static, u8, u8, St<u8, u8>, SpinLock>: Send, Sync);
        assert_impl_all!(Drain<'static, Unshared, Unshared, St<Unshared, Unshared>, SpinLock>: Send);
        assert_not_impl_any!(Drain<'static, Unsent, u8, St<Unsent, u8>, SpinLock>: Send);
        assert_not_impl_any!(Drain<'static, u8, Unsent, St<u8, Unsent>, SpinLock>: Send);
    };
}

mod growing {
    type MapOf<K, V, L = SpinLock, S = FxBuildHasher> = SyncMap<K, V, L, S>;
    type St<K, V> = twinmap::storage::Heap<K, V>;
    auto_traits!();
}

mod fixed {
    type MapOf<K, V, L = SpinLock, S = FxBuildHasher> = FixedMap<K, V, 8, L, 2, S>;
    type St<K, V> = twinmap::storage::Inline<K, V, 8, 2>;
    auto_traits!();
}

assert_impl_all!(InsertError<u8, u8>: Send, Sync, Copy, Error, Debug, Display);
assert_impl_all!(CompareExchangeError<'static, u8>: Send, Sync, Copy, Error, Debug, Display);
assert_impl_all!(WouldBlock: Send, Sync, Copy, Eq, Error, Debug, Display);
assert_impl_all!(ErrorKind: Send, Sync, Copy, Eq, Debug, Display, From<WouldBlock>);
assert_impl_all!(Garbage: Send, Sync, Copy, Eq, Default, Debug);
// Values without `Debug` do not keep an error from being unwrapped.
assert_impl_all!(InsertError<Opaque, Opaque>: Debug, Display, Error);
assert_impl_all!(CompareExchangeError<'static, Opaque>: Debug, Display, Error);
assert_impl_all!(SpinLock: Send, Sync, Default, Debug, ScopedRawMutex, mutex_traits::ConstInit);
#[cfg(feature = "critical-section")]
assert_impl_all!(CriticalSectionLock: Send, Sync, Default, Debug, ScopedRawMutex, mutex_traits::ConstInit);

struct Opaque;

type Sip = BuildHasherDefault<DefaultHasher>;

static PLAIN: SyncMap<u8, u8> = SyncMap::new();
static HASHER: SyncMap<u8, u8, SpinLock, Sip> = SyncMap::with_hasher(Sip::new());
static LOCK: SyncMap<u8, u8, SpinLock> = SyncMap::with_lock(SpinLock::new());
static BOTH: SyncMap<u8, u8, SpinLock, Sip> = SyncMap::with_lock_and_hasher(SpinLock::new(), Sip::new());
#[cfg(feature = "critical-section")]
static CRITICAL: SyncMap<u8, u8, CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());
#[cfg(feature = "critical-section")]
static CRITICAL_BOTH: SyncMap<u8, u8, CriticalSectionLock, Sip> =
    SyncMap::with_lock_and_hasher(CriticalSectionLock::new(), Sip::new());

fn works<L: ScopedRawMutex, S: std::hash::BuildHasher>(map: &'static SyncMap<u8, u8, L, S>) {
    assert!(map.is_empty());
    assert!(map.insert(1, 2).is_none());
    assert_eq!(map.get(&1).as_deref(), Some(&2));
    // A guard of a static map goes where one likes.
    let pin: Pinned<'static, _> = map.pin();
    let value: Ref<'static, _, _> = map.get(&1).unwrap();
    map.remove(&1);
    drop(pin);
    assert_eq!(*value, 2);
}

#[test]
fn maps_live_in_statics_with_each_lock_and_hasher() {
    works(&PLAIN);
    works(&HASHER);
    works(&LOCK);
    works(&BOTH);
    #[cfg(feature = "critical-section")]
    {
        works(&CRITICAL);
        works(&CRITICAL_BOTH);
    }
}

#[test]
fn everything_public_has_debug() {
    fn debug(value: impl Debug) -> String {
        format!("{value:?}")
    }

    let mut map = SyncMap::new();
    map.insert(1, 'a');
    assert_eq!(debug(&map), "{1: 'a'}");
    {
        let pin = map.pin();
        assert_eq!(debug(&pin), "{1: 'a'}");
        assert_eq!(debug(pin.iter()), "[(1, 'a')]");
        assert_eq!((debug(pin.keys()), debug(pin.values())), ("[1]".into(), "['a']".into()));
        let error = pin.compare_exchange(&1, &'b', 'c').unwrap_err();
        assert_eq!((debug(error).contains("CompareExchangeError"), error.to_string().is_empty()), (true, false));
        let value = map.get(&1).unwrap();
        assert_eq!((debug(&value), value.to_string(), *value.as_ref()), ("'a'".into(), "a".into(), 'a'));
    }
    assert_eq!(debug(map.iter_mut()), "[(1, 'a')]");
    assert_eq!(debug(map.garbage()), "Garbage { values: 0, entries: 0, tables: 0 }");
    assert!(debug(map.drain()).contains("left: 1"));
    assert!(debug(map.into_iter()).contains("left: 0"));

    let error = InsertError { key: Opaque, value: Opaque, kind: ErrorKind::OutOfMemory };
    assert!(debug(&error).contains("OutOfMemory"));
    assert_eq!(error.to_string(), "not inserted: out of memory");
    assert_eq!((debug(WouldBlock), WouldBlock.to_string()), ("WouldBlock".into(), ErrorKind::WouldBlock.to_string()));
    assert_eq!(debug(SpinLock::new()), "SpinLock { locked: false }");
    #[cfg(feature = "critical-section")]
    assert_eq!(debug(CriticalSectionLock::new()), "CriticalSectionLock { locked: false }");
}

#[test]
fn errors_say_what_is_wrong() {
    let kinds = [
        (ErrorKind::WouldBlock, "the map's lock is held and the call must not wait"),
        (ErrorKind::OutOfMemory, "out of memory"),
        (ErrorKind::Full, "the map is full"),
        (ErrorKind::Busy, "memory of the map is still in use by a pinned reader"),
    ];
    for (kind, says) in kinds {
        assert_eq!(kind.to_string(), says);
        assert_eq!(InsertError { key: (), value: (), kind }.to_string(), format!("not inserted: {says}"));
        let error = CompareExchangeError { new: (), found: Some(&()), kind: Some(kind) };
        assert_eq!(error.to_string(), says);
    }
    assert_eq!(ErrorKind::from(WouldBlock), ErrorKind::WouldBlock);
    let error = |found| CompareExchangeError { new: 'a', found, kind: None }.to_string();
    assert_eq!((error(Some(&'b')), error(None)), ("the key has another value".into(), "the key is absent".into()));
}

#[test]
#[should_panic(expected = "not inserted: the map is full")]
fn a_full_map_cannot_be_extended() {
    FixedMap::<u8, u8, 2>::new().extend([(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn a_guard_says_and_does_what_the_map_does() {
    let map = FixedMap::<u8, u8, 2>::new();
    let pin = map.pin();
    assert!(std::ptr::eq(pin.map(), &map));
    assert_eq!((pin.len(), pin.is_empty(), pin.is_full(), pin.capacity()), (0, true, false, 2));
    (1..=2).for_each(|key| assert!(pin.insert(key, key).unwrap().is_none()));
    assert_eq!((pin.len(), pin.is_empty(), pin.is_full(), map.promotions()), (2, false, true, 0));
    pin.promote();
    assert_eq!((map.promotions(), pin.garbage()), (0, Garbage::default()));
    pin.insert(1, 2).unwrap();
    pin.reclaim();
    assert_eq!((pin.garbage(), map.garbage().values), (map.garbage(), 1), "the guard keeps it");
    assert!(!pin.garbage().is_empty());
    drop(pin);
    map.pin().reclaim();
    assert!(map.garbage().is_empty());
}

/// Of ten entries, no more are left than the iterator says, at any time; and at its end it says `end`.
fn assert_bounded<T>(mut iter: impl Iterator<Item = T>, end: usize) {
    for left in (0..=10).rev() {
        let (least, most) = iter.size_hint();
        assert!(least <= left && most.is_some_and(|most| (left..=16).contains(&most)), "{left}: {least} to {most:?}");
        assert_eq!(iter.next().is_some(), left > 0);
    }
    assert_eq!(iter.size_hint(), (0, Some(end)));
}

fn assert_exact<T>(mut iter: impl ExactSizeIterator<Item = T>) {
    for left in (0..=10).rev() {
        assert_eq!((iter.size_hint(), iter.len()), ((left, Some(left)), left));
        assert_eq!(iter.next().is_some(), left > 0);
    }
}

#[test]
fn iterators_say_how_much_is_left_at_most() {
    fn check<St: twinmap::storage::Storage<u8, u8>>(
        mut map: twinmap::TwinMap<u8, u8, St, SpinLock, FxBuildHasher>,
        end: usize,
    ) {
        let pin = map.pin();
        assert_bounded(pin.iter(), end);
        assert_bounded(pin.keys(), end);
        assert_bounded(pin.values(), end);
        drop(pin);
        assert_exact(map.iter_mut());
        assert_exact(map.into_iter());
    }
    check((0..10).map(|key| (key, key)).collect::<SyncMap<_, _>>(), 0);
    // It has chains, and as many entries as it has room for may be in the last one.
    check((0..10).map(|key| (key, key)).collect::<FixedMap<_, _, 10>>(), 10 + 4);
    assert_exact((0..10).map(|key| (key, key)).collect::<SyncMap<_, _>>().drain());
}

#[test]
fn a_spin_lock_says_whether_it_is_locked() {
    let lock = SpinLock::new();
    assert!(lock.with_lock(|| lock.is_locked()) && !lock.is_locked());
}

/// A guard of values that live longer is one of values that live shorter.
fn _guards_are_covariant<'a, 'v>(long: Ref<'a, u8, &'static str>) -> Ref<'a, u8, &'v str> {
    long
}

#[test]
fn values_without_size_make_a_set() {
    let set = SyncMap::new();
    for round in 0..3 {
        (0..100).for_each(|key| assert!(set.insert(key, ()).is_none()));
        (0..100).for_each(|key| assert!(set.insert(key, ()).is_some()));
        assert_eq!((set.len(), set.pin().iter().count()), (100, 100));
        if round == 1 {
            set.promote();
        }
        (0..100).for_each(|key| assert!(set.remove(&key).is_some() && !set.contains_key(&key)));
        assert!(set.is_empty());
    }
    assert_eq!(set.get_or_insert(1, ()).as_ref(), &());
    assert_eq!(set.pin().compare_exchange(&1, &(), ()), Ok(&()));
    assert_eq!(set.into_iter().collect::<Vec<_>>(), [(1, ())]);

    // At the other end, a map that can hold a single key.
    let one = SyncMap::new();
    assert!(one.insert((), 1).is_none());
    one.promote();
    assert_eq!(one.insert((), 2).as_deref(), Some(&1));
    assert_eq!((one.remove(&()).as_deref(), one.len()), (Some(&2), 0));
    let mut nothing = SyncMap::<(), ()>::new();
    nothing.insert((), ());
    assert_eq!((nothing.drain().count(), nothing.len()), (1, 0));
}

#[test]
fn values_may_be_large_and_aligned() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(256))]
    struct Large([u8; 4096]);

    let map = SyncMap::new();
    for key in 0..20_u8 {
        map.insert(key, Large([key; 4096]));
    }
    map.promote();
    for key in 0..20 {
        let value = map.get(&key).unwrap();
        assert_eq!((&raw const *value).addr() % 256, 0);
        assert_eq!(value.0, [key; 4096]);
        assert!(map.update(&key, |value| Large(value.0.map(|byte| byte + 1))).is_some());
        assert_eq!(value.0, [key; 4096]);
    }
    assert!(map.pin().iter().all(|(key, value)| value.0 == [key + 1; 4096]));
}

#[test]
fn string_keys_are_looked_up_by_str() {
    let mut map = SyncMap::<String, Vec<u8>>::new();
    map.insert("a".to_owned(), vec![1]);
    for _ in 0..2 {
        assert_eq!(map.get("a").as_deref(), Some(&vec![1]));
        assert!(map.contains_key("a") && map.try_get("b").unwrap().is_none());
        assert_eq!(map.update("a", |value| value.clone()).as_deref(), Some(&vec![1]));
        let pin = map.pin();
        assert_eq!(pin.get_key_value("a"), Some((&"a".to_owned(), &vec![1])));
        assert!(pin.compare_exchange("a", &vec![2], vec![]).is_err());
        assert_eq!(pin.remove_if("a", |value| value.is_empty()), None);
        map.promote();
    }
    map.get_mut("a").unwrap().push(2);
    assert_eq!(map.remove("a").as_deref(), Some(&vec![1, 2]));
    assert!(map.try_remove("a").unwrap().is_none());
}

#[test]
fn maps_are_made_from_arrays_iterators_and_capacities() {
    let from_array = SyncMap::from([(1, 'a'), (2, 'b')]);
    let mut collected: SyncMap<_, _> = from_array.into_iter().chain([(3, 'c')]).collect();
    collected.extend(&BTreeMap::from([(4, 'd')])); // By reference.
    (&collected).extend([(5, 'e')]);
    assert_eq!(collected.len(), 5);
    (&mut collected).into_iter().for_each(|(_, value)| *value = 'z');
    assert!(collected.pin().values().all(|&value| value == 'z'));

    let map = SyncMap::with_capacity(100);
    (0..100).for_each(|key| drop(map.insert(key, key)));
    assert_eq!((map.promotions(), map.len()), (0, 100), "it had to grow");
    assert!(SyncMap::<u8, u8>::default().is_empty() && SyncMap::<u8, u8>::with_capacity(0).is_empty());
    assert!(SyncMap::<u8, u8, _, _>::with_hasher(Sip::new()).is_empty());
}
