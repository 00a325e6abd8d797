//! Uses every public item of twinmap, for concrete types and both locks: that the library builds does not prove that its
//! items are there, on this target, or that they can be instantiated.
#![no_std]

use core::fmt::{Debug, Display};

use twinmap::{
    CompareExchangeError, CriticalSectionLock, Drain, Equivalent, ErrorKind, FxBuildHasher, Garbage, InsertError,
    IntoIter, Iter, IterMut, Keys, Pinned, Ref, ScopedRawMutex, SpinLock, SyncMap, Values, WouldBlock,
};

pub static SPIN: SyncMap<u32, u64> = SyncMap::new();
pub static MASKED: SyncMap<u32, u64, CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());
pub static HASHED: SyncMap<u32, u64, SpinLock, FxBuildHasher> = SyncMap::with_hasher(FxBuildHasher);
pub static BOTH: SyncMap<u32, (), CriticalSectionLock, FxBuildHasher> =
    SyncMap::with_lock_and_hasher(CriticalSectionLock::new(), FxBuildHasher);

type Map<L> = SyncMap<u32, u64, L, FxBuildHasher>;

/// A key by which a `u32` can be looked up.
#[derive(Hash)]
pub struct Id(u32);

impl Equivalent<u32> for Id {
    fn equivalent(&self, key: &u32) -> bool {
        self.0 == *key
    }
}

pub fn run() {
    shared(&SPIN);
    shared(&MASKED);
    shared(&HASHED);
    BOTH.insert(1, ());
    exclusive::<SpinLock>(SyncMap::default());
    exclusive::<CriticalSectionLock>(SyncMap::default());
    exclusive(SyncMap::with_capacity(8));
    exclusive(SyncMap::from([(1, 1), (2, 2)]));
}

pub fn shared<L: ScopedRawMutex>(map: &'static Map<L>) -> usize {
    let value: Option<Ref<'_, u32, u64>> = map.get(&Id(1));
    let _: u64 = value.map_or(0, |value| *value + *value.as_ref());
    let _: bool = map.contains_key(&1) && map.is_empty();
    drop(map.insert(1, 1));
    drop(map.get_or_insert(2, 2));
    drop(map.get_or_insert_with(3, || 3));
    drop(map.update(&1, |value| value + 1));
    drop(map.remove(&1));
    let _: Result<Option<Ref<'_, u32, u64>>, WouldBlock> = map.try_get(&1);
    let _: Result<Option<Ref<'_, u32, u64>>, WouldBlock> = map.try_remove(&1);
    if let Err(InsertError { key: 1, value: 1, kind: ErrorKind::WouldBlock | ErrorKind::OutOfMemory }) =
        map.try_insert(1, 1)
    {
        map.clear();
    }
    map.promote();
    map.reclaim();
    pinned(&map.pin());
    let garbage: Garbage = map.garbage();
    map.len() + map.promotions() + garbage.values + garbage.entries + garbage.tables + usize::from(garbage.is_empty())
}

fn pinned<L: ScopedRawMutex>(map: &Pinned<'static, u32, u64, L, FxBuildHasher>) {
    let _: &'static Map<L> = map.map();
    let _: (usize, bool, bool) = (map.len(), map.is_empty(), map.contains_key(&1));
    let _: Option<&u64> = map.get(&1);
    let _: Option<(&u32, &u64)> = map.get_key_value(&1);
    let _: Result<Option<&u64>, WouldBlock> = map.try_get(&1);
    let _: Option<&u64> = map.insert(1, 1);
    let _: Result<Option<&u64>, InsertError<u32, u64>> = map.try_insert(1, 1);
    let _: &u64 = map.get_or_insert(2, 2);
    let _: &u64 = map.get_or_insert_with(3, || 3);
    let _: Option<&u64> = map.update(&1, |value| value + 1);
    let exchanged: Result<&u64, CompareExchangeError<'_, u64>> = map.compare_exchange(&1, &1, 2);
    let _: Option<u64> = exchanged.err().and_then(|error| error.found.map(|found| found + error.new));
    let _: Option<&u64> = map.remove(&1);
    let _: Result<Option<&u64>, WouldBlock> = map.try_remove(&1);
    let _: Option<&u64> = map.remove_if(&1, |value| *value == 1);
    map.retain(|key, value| u64::from(*key) != *value);
    let iter: Iter<'_, u32, u64> = map.iter();
    let keys: Keys<'_, u32, u64> = map.keys();
    let values: Values<'_, u32, u64> = map.values();
    let _: u64 = iter.clone().map(|(_, value)| value).chain(values.clone()).sum();
    let _: u32 = keys.clone().sum();
    for (_key, _value) in map {}
    shown(&(map, iter, keys, values));
    let _: Garbage = map.garbage();
    map.reclaim();
    map.promote();
    map.clear();
}

fn exclusive<L: ScopedRawMutex>(mut map: Map<L>) {
    map.extend([(1, 1)]);
    map.extend([(&2, &2)]);
    let _: Option<&mut u64> = map.get_mut(&1);
    let mutable: IterMut<'_, u32, u64> = map.iter_mut();
    shown(&mutable);
    for (_key, value) in &mut map {
        *value += 1;
    }
    let drained: Drain<'_, u32, u64> = map.drain();
    shown(&drained);
    drop(drained);
    shown(&map);
    let owned: IntoIter<u32, u64> = map.into_iter();
    shown(&owned);
    let collected: SyncMap<u32, u64> = owned.collect();
    drop(collected);
    shown(&(SpinLock::default(), CriticalSectionLock::default()));
    described(&WouldBlock);
    described(&ErrorKind::from(WouldBlock));
    described(&InsertError { key: 1, value: 2, kind: ErrorKind::OutOfMemory });
    described(&CompareExchangeError { new: 1, found: None });
}

fn shown(_: &dyn Debug) {}

fn described<E: Debug + Display>(_: &E) {}
