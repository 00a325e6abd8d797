//! What the maps implement for the language's own traits.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::panic::{RefUnwindSafe, UnwindSafe};

use mutex_traits::ScopedRawMutex;

use crate::error::give_up;
use crate::lock::Wait;
use crate::owned::{IntoIter, IterMut};
use crate::storage::Storage;
use crate::twin_map::TwinMap;

impl<K, V, St: Storage<K, V>, L: Default, S: Default> Default for TwinMap<K, V, St, L, S> {
    fn default() -> Self {
        Self::with_lock_and_hasher(L::default(), S::default())
    }
}

// A panic leaves the map whole and unlocked; what it may leave half-done is in a key or a
// value, behind a shared reference.
impl<K, V, St, L, S> UnwindSafe for TwinMap<K, V, St, L, S>
where
    K: RefUnwindSafe,
    V: RefUnwindSafe,
    St: Storage<K, V>,
    S: UnwindSafe,
{
}
impl<K, V, St, L, S> RefUnwindSafe for TwinMap<K, V, St, L, S>
where
    K: RefUnwindSafe,
    V: RefUnwindSafe,
    St: Storage<K, V>,
    S: RefUnwindSafe,
{
}

impl<K, V, St, L, S> fmt::Debug for TwinMap<K, V, St, L, S>
where
    K: fmt::Debug,
    V: fmt::Debug,
    St: Storage<K, V>,
    L: ScopedRawMutex,
{
    /// The entries. When some can be found under the lock only, and the lock is held, it does not wait: it shows the
    /// others, and an ellipsis.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pin().fmt(f)
    }
}

#[cfg(feature = "alloc")]
impl<K, V, L, S> FromIterator<(K, V)> for crate::SyncMap<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex + Default,
    S: BuildHasher + Default,
{
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Self::default().reserved(entries.size_hint().0);
        map.extend(entries);
        map
    }
}

#[cfg(feature = "alloc")]
impl<K: Eq + Hash, V, const N: usize> From<[(K, V); N]> for crate::SyncMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

#[cfg(feature = "heapless")]
impl<K, V, const N: usize, L, const SPARE: usize, S> FromIterator<(K, V)> for crate::FixedMap<K, V, N, L, SPARE, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex + Default,
    S: BuildHasher + Default,
{
    /// # Panics
    ///
    /// When there are more than `N` keys.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        map.extend(entries);
        map
    }
}

impl<K, V, St, L, S> Extend<(K, V)> for TwinMap<K, V, St, L, S>
where
    K: Eq + Hash,
    St: Storage<K, V>,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// # Panics
    ///
    /// When a key finds no memory (`SyncMap`), or the map is full or busy (`FixedMap`).
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        (&*self).extend(entries);
    }
}

/// A shared map can be extended as well.
impl<K, V, St, L, S> Extend<(K, V)> for &TwinMap<K, V, St, L, S>
where
    K: Eq + Hash,
    St: Storage<K, V>,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// # Panics
    ///
    /// When a key finds no memory (`SyncMap`), or the map is full or busy (`FixedMap`).
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            if let Err(error) = self.insert_with::<Wait>(key, value) {
                give_up::<V>(error.kind)
            }
        }
    }
}

impl<'a, K, V, St, L, S> Extend<(&'a K, &'a V)> for TwinMap<K, V, St, L, S>
where
    K: Eq + Hash + Copy,
    V: Copy,
    St: Storage<K, V>,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// # Panics
    ///
    /// When a key finds no memory (`SyncMap`), or the map is full or busy (`FixedMap`).
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(&key, &value)| (key, value)));
    }
}

impl<K, V, St: Storage<K, V>, L, S> IntoIterator for TwinMap<K, V, St, L, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, St, L>;

    fn into_iter(self) -> IntoIter<K, V, St, L> {
        IntoIter::new(self.core)
    }
}

impl<'a, K, V, St: Storage<K, V>, L, S> IntoIterator for &'a mut TwinMap<K, V, St, L, S> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V, St>;

    fn into_iter(self) -> IterMut<'a, K, V, St> {
        self.iter_mut()
    }
}
