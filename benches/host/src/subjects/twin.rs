//! twinmap, by itself and pinned.

use twinmap::{Pinned, SyncMap};

use super::{Key, Subject, View};

pub struct Twin<K>(SyncMap<K, u64>);
pub struct TwinPinned<K>(SyncMap<K, u64>);

impl<K: Key> Subject<K> for Twin<K> {
    const NAME: &'static str = "twinmap";
    type View<'a> = &'a Self;

    fn with_capacity(capacity: usize) -> Self {
        Self(SyncMap::with_capacity(capacity))
    }

    fn view(&self) -> &Self {
        self
    }
}

impl<K: Key> Subject<K> for TwinPinned<K> {
    const NAME: &'static str = "twinmap pinned";
    type View<'a> = Pinned<'a, SyncMap<K, u64>>;

    fn with_capacity(capacity: usize) -> Self {
        Self(SyncMap::with_capacity(capacity))
    }

    fn view(&self) -> Self::View<'_> {
        self.0.pin()
    }
}

impl<K: Key> View<K> for &Twin<K> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        self.0.get(key).as_deref().copied()
    }

    #[inline]
    fn insert(&self, key: K, value: u64) -> Option<u64> {
        self.0.insert(key, value).as_deref().copied()
    }

    #[inline]
    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        *self.0.get_or_insert(key, value)
    }

    #[inline]
    fn remove(&self, key: &K) -> Option<u64> {
        self.0.remove(key).as_deref().copied()
    }

    #[inline]
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        View::compare_exchange(&self.0.pin(), key, current, new)
    }

    #[inline]
    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.0.pin().compare_remove(key, current)
    }

    #[inline]
    fn for_each(&self, f: impl FnMut(&K, u64)) {
        self.0.pin().for_each(f);
    }

    #[inline]
    fn any(&self) -> Option<K> {
        self.0.pin().any()
    }
}

impl<K: Key> View<K> for Pinned<'_, SyncMap<K, u64>> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        self.get(key).copied()
    }

    #[inline]
    fn insert(&self, key: K, value: u64) -> Option<u64> {
        self.insert(key, value).copied()
    }

    #[inline]
    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        *self.get_or_insert(key, value)
    }

    #[inline]
    fn remove(&self, key: &K) -> Option<u64> {
        self.remove(key).copied()
    }

    #[inline]
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        self.compare_exchange(key, &current, new).is_ok()
    }

    #[inline]
    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.remove_if(key, |value| *value == current).is_some()
    }

    #[inline]
    fn for_each(&self, mut f: impl FnMut(&K, u64)) {
        self.iter().for_each(|(key, value)| f(key, *value));
    }

    #[inline]
    fn any(&self) -> Option<K> {
        self.keys().next().cloned()
    }
}
