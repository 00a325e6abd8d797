//! papaya's map, with a pin for each call and with one for many.

use papaya::{Compute, Guard, HashMap, HashMapRef, LocalGuard, Operation};
use rustc_hash::FxBuildHasher;

use super::{Key, Subject, View};

pub struct Papaya<K>(HashMap<K, u64, FxBuildHasher>);
pub struct PapayaPinned<K>(HashMap<K, u64, FxBuildHasher>);

impl<K: Key> Subject<K> for Papaya<K> {
    const NAME: &'static str = "papaya";
    type View<'a> = &'a Self;

    fn with_capacity(capacity: usize) -> Self {
        Self(HashMap::with_capacity_and_hasher(capacity, FxBuildHasher))
    }

    fn view(&self) -> &Self {
        self
    }
}

impl<K: Key> Subject<K> for PapayaPinned<K> {
    const NAME: &'static str = "papaya pinned";
    type View<'a> = HashMapRef<'a, K, u64, FxBuildHasher, LocalGuard<'a>>;

    fn with_capacity(capacity: usize) -> Self {
        Self(HashMap::with_capacity_and_hasher(capacity, FxBuildHasher))
    }

    fn view(&self) -> Self::View<'_> {
        self.0.pin()
    }
}

impl<K: Key> View<K> for &Papaya<K> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        View::get(&self.0.pin(), key)
    }

    #[inline]
    fn insert(&self, key: K, value: u64) -> Option<u64> {
        View::insert(&self.0.pin(), key, value)
    }

    #[inline]
    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        View::get_or_insert(&self.0.pin(), key, value)
    }

    #[inline]
    fn remove(&self, key: &K) -> Option<u64> {
        View::remove(&self.0.pin(), key)
    }

    #[inline]
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        self.0.pin().compare_exchange(key, current, new)
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

impl<K: Key, G: Guard> View<K> for HashMapRef<'_, K, u64, FxBuildHasher, G> {
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
        let exchange = |entry: Option<(&K, &u64)>| match entry {
            Some((_, value)) if *value == current => Operation::Insert(new),
            _ => Operation::Abort(()),
        };
        matches!(self.compute(key.clone(), exchange), Compute::Updated { .. })
    }

    #[inline]
    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.remove_if(key, |_, value| *value == current).is_ok_and(|removed| removed.is_some())
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
