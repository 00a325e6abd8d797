//! dashmap and scc: locks for parts of the map.

use dashmap::DashMap;
use rustc_hash::FxBuildHasher;
use scc::hash_map::Entry;

use super::{Key, Subject, View};

pub struct Dash<K>(DashMap<K, u64, FxBuildHasher>);

impl<K: Key> Subject<K> for Dash<K> {
    const NAME: &'static str = "dashmap";
    type View<'a> = &'a Self;

    fn with_capacity(capacity: usize) -> Self {
        Self(DashMap::with_capacity_and_hasher(capacity, FxBuildHasher))
    }

    fn view(&self) -> &Self {
        self
    }
}

impl<K: Key> View<K> for &Dash<K> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        self.0.get(key).map(|value| *value)
    }

    #[inline]
    fn insert(&self, key: K, value: u64) -> Option<u64> {
        self.0.insert(key, value)
    }

    #[inline]
    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        *self.0.entry(key).or_insert(value)
    }

    #[inline]
    fn remove(&self, key: &K) -> Option<u64> {
        self.0.remove(key).map(|(_, value)| value)
    }

    #[inline]
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        match self.0.get_mut(key) {
            Some(mut value) if *value == current => {
                *value = new;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.0.remove_if(key, |_, value| *value == current).is_some()
    }

    #[inline]
    fn for_each(&self, mut f: impl FnMut(&K, u64)) {
        self.0.iter().for_each(|entry| f(entry.key(), *entry.value()));
    }

    #[inline]
    fn any(&self) -> Option<K> {
        self.0.iter().next().map(|entry| entry.key().clone())
    }
}

pub struct Scc<K>(scc::HashMap<K, u64, FxBuildHasher>);

impl<K: Key> Subject<K> for Scc<K> {
    const NAME: &'static str = "scc";
    type View<'a> = &'a Self;

    fn with_capacity(capacity: usize) -> Self {
        Self(scc::HashMap::with_capacity_and_hasher(capacity, FxBuildHasher))
    }

    fn view(&self) -> &Self {
        self
    }
}

impl<K: Key> View<K> for &Scc<K> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        self.0.read_sync(key, |_, value| *value)
    }

    #[inline]
    fn insert(&self, key: K, value: u64) -> Option<u64> {
        self.0.upsert_sync(key, value)
    }

    #[inline]
    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        match self.0.entry_sync(key) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert_entry(value).get(),
        }
    }

    #[inline]
    fn remove(&self, key: &K) -> Option<u64> {
        self.0.remove_sync(key).map(|(_, value)| value)
    }

    #[inline]
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        let exchange = |_: &K, value: &mut u64| {
            let equal = *value == current;
            if equal {
                *value = new;
            }
            equal
        };
        self.0.update_sync(key, exchange).unwrap_or(false)
    }

    #[inline]
    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.0.remove_if_sync(key, |value| *value == current).is_some()
    }

    #[inline]
    fn for_each(&self, mut f: impl FnMut(&K, u64)) {
        self.0.iter_sync(|key, value| {
            f(key, *value);
            true
        });
    }

    #[inline]
    fn any(&self) -> Option<K> {
        let mut any = None;
        self.0.iter_sync(|key, _| {
            any = Some(key.clone());
            false
        });
        any
    }
}
