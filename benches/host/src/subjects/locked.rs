//! hashbrown's map behind a lock for readers and writers, and alone.

use std::cell::UnsafeCell;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rustc_hash::FxBuildHasher;

use super::{Key, Subject, View};

pub(super) type Table<K> = HashMap<K, u64, FxBuildHasher>;

pub type Spin<K> = Locked<spin::RwLock<Table<K>>>;
pub type Std<K> = Locked<std::sync::RwLock<Table<K>>>;
/// For one thread.
pub type Bare<K> = Locked<Unlocked<Table<K>>>;

pub trait Lock<T> {
    const NAME: &'static str;
    fn new(value: T) -> Self;
    /// `f` does not come back to the lock.
    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R;
    /// As `read`.
    fn write<R>(&self, f: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Lock<T> for spin::RwLock<T> {
    const NAME: &'static str = "spin RwLock";

    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.read())
    }

    #[inline]
    fn write<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.write())
    }
}

impl<T> Lock<T> for std::sync::RwLock<T> {
    const NAME: &'static str = "std RwLock";

    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.read().expect("a holder of the lock panicked"))
    }

    #[inline]
    fn write<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.write().expect("a holder of the lock panicked"))
    }
}

/// Without the check of a `RefCell`, which would be measured too.
pub struct Unlocked<T>(UnsafeCell<T>);

impl<T> Lock<T> for Unlocked<T> {
    const NAME: &'static str = "bare";

    fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    #[inline]
    fn read<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // SAFETY: it's not `Sync`, and no `f` of this file's comes back to it.
        f(unsafe { &*self.0.get() })
    }

    #[inline]
    fn write<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: as in `read`.
        f(unsafe { &mut *self.0.get() })
    }
}

pub struct Locked<L>(L);

impl<K: Key, L: Lock<Table<K>>> Subject<K> for Locked<L> {
    const NAME: &'static str = L::NAME;
    type View<'a>
        = &'a Self
    where
        Self: 'a;

    fn with_capacity(capacity: usize) -> Self {
        Self(L::new(Table::with_capacity_and_hasher(capacity, FxBuildHasher)))
    }

    fn view(&self) -> &Self {
        self
    }
}

impl<K: Key, L: Lock<Table<K>>> View<K> for &Locked<L> {
    #[inline]
    fn get(&self, key: &K) -> Option<u64> {
        self.0.read(|table| table.get(key).copied())
    }

    #[inline]
    fn insert(&self, key: K, value: u64) -> Option<u64> {
        self.0.write(|table| table.insert(key, value))
    }

    #[inline]
    fn get_or_insert(&self, key: K, value: u64) -> u64 {
        self.0.write(|table| *table.entry(key).or_insert(value))
    }

    #[inline]
    fn remove(&self, key: &K) -> Option<u64> {
        self.0.write(|table| table.remove(key))
    }

    #[inline]
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool {
        self.0.write(|table| match table.get_mut(key) {
            Some(value) if *value == current => {
                *value = new;
                true
            }
            _ => false,
        })
    }

    #[inline]
    fn compare_remove(&self, key: &K, current: u64) -> bool {
        self.0.write(|table| match table.entry(key.clone()) {
            Entry::Occupied(entry) if *entry.get() == current => {
                entry.remove();
                true
            }
            _ => false,
        })
    }

    // `f` is called under the lock, and must leave the map alone.
    #[inline]
    fn for_each(&self, mut f: impl FnMut(&K, u64)) {
        self.0.read(|table| table.iter().for_each(|(key, value)| f(key, *value)));
    }

    #[inline]
    fn any(&self) -> Option<K> {
        self.0.read(|table| table.keys().next().cloned())
    }
}
