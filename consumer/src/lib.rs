//! Uses every public item of twinmap, for concrete types and both locks: that the library builds does not prove that
//! its items are there, on this target, or that they can be instantiated.
#![no_std]

use core::fmt::{Debug, Display};

use twinmap::storage::{Heap, Inline, Storage};
use twinmap::{
    CompareExchangeError, CopyProgress, CriticalSectionLock, Drain, Equivalent, ErrorKind, FixedMap, FxBuildHasher,
    Garbage, InsertError, IntoIter, Iter, IterMut, Keys, Pinned, Ref, ScopedRawMutex, SpinLock, Stats, SyncMap,
    TwinMap, Values, WouldBlock,
};

pub static SPIN: SyncMap<u32, u64> = SyncMap::new();
pub static MASKED: SyncMap<u32, u64, CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());
pub static HASHED: SyncMap<u32, u64, SpinLock, FxBuildHasher> = SyncMap::with_hasher(FxBuildHasher);
pub static BOTH: SyncMap<u32, (), CriticalSectionLock, FxBuildHasher> =
    SyncMap::with_lock_and_hasher(CriticalSectionLock::new(), FxBuildHasher);

pub static FIXED: FixedMap<u32, u64, 5> = FixedMap::new();
pub static FIXED_MASKED: FixedMap<u32, u64, 64, CriticalSectionLock, 8, FxBuildHasher> =
    FixedMap::with_lock(CriticalSectionLock::new());

type Map<St, L> = TwinMap<u32, u64, St, L, FxBuildHasher>;
type Growing<L> = Map<Heap<u32, u64>, L>;
type Fixed<L, const N: usize, const SPARE: usize> = Map<Inline<u32, u64, N, SPARE>, L>;

/// A key by which a `u32` can be looked up.
#[derive(Hash)]
pub struct Id(u32);

impl Equivalent<u32> for Id {
    fn equivalent(&self, key: &u32) -> bool {
        self.0 == *key
    }
}

pub fn run() {
    growing(&SPIN);
    growing(&MASKED);
    growing(&HASHED);
    BOTH.insert(1, ());
    exclusive(SyncMap::<_, _, SpinLock>::default());
    exclusive(SyncMap::<_, _, CriticalSectionLock>::default());
    exclusive(SyncMap::with_capacity(8));
    exclusive(SyncMap::from([(1, 1), (2, 2)]));

    fixed(&FIXED);
    fixed(&FIXED_MASKED);
    exclusive(FixedMap::<_, _, 8>::default());
    exclusive::<_, CriticalSectionLock>([(1, 1)].into_iter().collect::<FixedMap<_, _, 8, _>>());
}

pub fn growing<L: ScopedRawMutex>(map: &'static Growing<L>) {
    let _: Option<Ref<'_, u32, u64>> = map.insert(1, 1);
    let _: Ref<'_, u32, u64> = map.get_or_insert(2, 2);
    let _: Ref<'_, u32, u64> = map.get_or_insert_with(3, || 3);
    let _: Option<Ref<'_, u32, u64>> = map.update(&1, |value| value + 1);
    let _: Ref<'_, u32, u64> = map.update_or_insert(1, |value| value + 1, 1);
    let pinned = map.pin();
    let _: Option<&u64> = pinned.insert(1, 1);
    let _: &u64 = pinned.get_or_insert(2, 2);
    let _: &u64 = pinned.get_or_insert_with(3, || 3);
    let _: Option<&u64> = pinned.update(&1, |value| value + 1);
    let _: &u64 = pinned.update_or_insert(1, |value| value + 1, 1);
    shared(map);
}

pub fn fixed<L: ScopedRawMutex, const N: usize, const SPARE: usize>(map: &'static Fixed<L, N, SPARE>) {
    let _: bool = map.is_full() || map.capacity() == 0;
    let _: Result<Option<Ref<'_, u32, u64>>, InsertError<u32, u64>> = map.insert(1, 1);
    let _: Result<Ref<'_, u32, u64>, InsertError<u32, u64>> = map.get_or_insert(2, 2);
    let _: Result<Ref<'_, u32, u64>, InsertError<u32, u64>> = map.get_or_insert_with(3, || 3);
    let _: Result<Option<Ref<'_, u32, u64>>, ErrorKind> = map.update(&1, |value| value + 1);
    let _: Result<Ref<'_, u32, u64>, InsertError<u32, u64>> = map.update_or_insert(1, |value| value + 1, 1);
    let pinned = map.pin();
    let _: bool = pinned.is_full() || pinned.capacity() == 0;
    let _: Result<Option<&u64>, InsertError<u32, u64>> = pinned.insert(1, 1);
    let _: Result<&u64, InsertError<u32, u64>> = pinned.get_or_insert(2, 2);
    let _: Result<&u64, InsertError<u32, u64>> = pinned.get_or_insert_with(3, || 3);
    let _: Result<Option<&u64>, ErrorKind> = pinned.update(&1, |value| value + 1);
    let _: Result<&u64, InsertError<u32, u64>> = pinned.update_or_insert(1, |value| value + 1, 1);
    shared(map);
}

pub fn shared<St: Storage<u32, u64>, L: ScopedRawMutex>(map: &'static Map<St, L>) -> usize {
    let value: Option<Ref<'_, u32, u64>> = map.get(&Id(1));
    let _: u64 = value.map_or(0, |value| *value + *value.as_ref());
    let _: bool = map.contains_key(&1) && map.is_empty();
    drop(map.remove(&1));
    let _: Result<Option<Ref<'_, u32, u64>>, WouldBlock> = map.try_get(&1);
    let _: Result<Option<Ref<'_, u32, u64>>, WouldBlock> = map.try_remove(&1);
    let _: Result<Ref<'_, u32, u64>, InsertError<u32, u64>> = map.try_update_or_insert(1, |value| value + 1, 1);
    if let Err(InsertError { key: 1, value: 1, kind }) = map.try_insert(1, 1) {
        match kind {
            ErrorKind::WouldBlock | ErrorKind::OutOfMemory | ErrorKind::Full => map.clear(),
            ErrorKind::Busy => map.reclaim(),
            _ => {}
        }
    }
    map.promote();
    map.reclaim();
    pinned(&map.pin());
    let Stats { copy, promotions, hits, misses, locked, peak_len, peak_garbage, .. } = map.pin().stats();
    let copied: usize = copy.map_or(0, |CopyProgress { done, buckets, .. }| done + buckets);
    let figures = copied + promotions + hits + misses + locked + peak_len + peak_garbage;
    logged(&(map, map.pin(), map.get(&1), map.stats(), map.garbage()));
    written(&(map, map.pin(), map.get(&1)));
    let garbage: Garbage = map.garbage();
    figures
        + map.len()
        + map.promotions()
        + garbage.values
        + garbage.entries
        + garbage.tables
        + usize::from(garbage.is_empty())
}

fn pinned<St: Storage<u32, u64>, L: ScopedRawMutex>(map: &Pinned<'static, Map<St, L>>) {
    let _: &'static Map<St, L> = map.map();
    let _: (usize, bool, bool) = (map.len(), map.is_empty(), map.contains_key(&1));
    let _: Option<&u64> = map.get(&1);
    let _: Option<(&u32, &u64)> = map.get_key_value(&1);
    let _: Result<Option<&u64>, WouldBlock> = map.try_get(&1);
    let _: Result<Option<&u64>, InsertError<u32, u64>> = map.try_insert(1, 1);
    let _: Result<&u64, InsertError<u32, u64>> = map.try_update_or_insert(1, |value| value + 1, 1);
    let exchanged: Result<&u64, CompareExchangeError<'_, u64>> = map.compare_exchange(&1, &1, 2);
    let _: Option<u64> = exchanged.err().and_then(|error| error.found.map(|found| found + error.new));
    let _: Option<&u64> = map.remove(&1);
    let _: Result<Option<&u64>, WouldBlock> = map.try_remove(&1);
    let _: Option<&u64> = map.remove_if(&1, |value| *value == 1);
    map.retain(|key, value| u64::from(*key) != *value);
    let iter: Iter<'_, u32, u64, St> = map.iter();
    let keys: Keys<'_, u32, u64, St> = map.keys();
    let values: Values<'_, u32, u64, St> = map.values();
    let _: u64 = iter.clone().map(|(_, value)| value).chain(values.clone()).sum();
    let _: u32 = keys.clone().sum();
    for (_key, _value) in map {}
    shown(&(map, iter, keys, values));
    let _: Garbage = map.garbage();
    map.reclaim();
    map.promote();
    map.clear();
}

fn exclusive<St: Storage<u32, u64>, L: ScopedRawMutex>(mut map: Map<St, L>) {
    map.extend([(1, 1)]);
    map.extend([(&2, &2)]);
    (&map).extend([(3, 3)]);
    let _: Option<&mut u64> = map.get_mut(&1);
    let mutable: IterMut<'_, u32, u64, St> = map.iter_mut();
    shown(&mutable);
    for (_key, value) in &mut map {
        *value += 1;
    }
    let drained: Drain<'_, u32, u64, St, L> = map.drain();
    shown(&drained);
    drop(drained);
    shown(&map);
    let owned: IntoIter<u32, u64, St, L> = map.into_iter();
    shown(&owned);
    let collected: SyncMap<u32, u64> = owned.collect();
    drop(collected);
    shown(&(SpinLock::default(), CriticalSectionLock::default()));
    is_read::<FixedMap<u32, u64, 5>>();
    is_read::<SyncMap<u32, u64, CriticalSectionLock>>();
    logged(&(WouldBlock, ErrorKind::Full));
    logged(&InsertError { key: 1, value: 2, kind: ErrorKind::OutOfMemory });
    logged(&CompareExchangeError { new: 1, found: None, kind: None });
    described(&WouldBlock);
    described(&ErrorKind::from(WouldBlock));
    described(&InsertError { key: 1, value: 2, kind: ErrorKind::OutOfMemory });
    described(&CompareExchangeError { new: 1, found: None, kind: None });
}

fn shown(_: &dyn Debug) {}

fn logged(_: &impl defmt::Format) {}

fn written(_: &impl serde_core::Serialize) {}

fn is_read<T: for<'de> serde_core::Deserialize<'de>>() {}

fn described<E: Debug + Display>(_: &E) {}
