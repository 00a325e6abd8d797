//! What [`SyncMap`] implements for the language's own traits.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::panic::{RefUnwindSafe, UnwindSafe};

use mutex_traits::ScopedRawMutex;

use crate::owned::{IntoIter, IterMut};
use crate::sync_map::SyncMap;

impl<K, V, L: Default, S: Default> Default for SyncMap<K, V, L, S> {
    fn default() -> Self {
        Self::with_lock_and_hasher(L::default(), S::default())
    }
}

// A panic leaves the map whole and unlocked; what it may leave half-done is in a key or a value, behind a shared reference.
impl<K: RefUnwindSafe, V: RefUnwindSafe, L, S: UnwindSafe> UnwindSafe for SyncMap<K, V, L, S> {}
impl<K: RefUnwindSafe, V: RefUnwindSafe, L, S: RefUnwindSafe> RefUnwindSafe for SyncMap<K, V, L, S> {}

impl<K: fmt::Debug, V: fmt::Debug, L: ScopedRawMutex, S> fmt::Debug for SyncMap<K, V, L, S> {
    /// The entries. When some can be found under the lock only, and the lock is held, it does not wait: it shows the
    /// others, and an ellipsis.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pin().fmt(f)
    }
}

impl<K, V, L, S> FromIterator<(K, V)> for SyncMap<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex + Default,
    S: BuildHasher + Default,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Self::default().reserved(entries.size_hint().0);
        map.extend(entries);
        map
    }
}

impl<K: Eq + Hash, V, const N: usize> From<[(K, V); N]> for SyncMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V, L, S> Extend<(K, V)> for SyncMap<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        (&*self).extend(entries);
    }
}

/// A shared map can be extended as well.
impl<K, V, L, S> Extend<(K, V)> for &SyncMap<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<'a, K, V, L, S> Extend<(&'a K, &'a V)> for SyncMap<K, V, L, S>
where
    K: Eq + Hash + Copy,
    V: Copy,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(&key, &value)| (key, value)));
    }
}

impl<K, V, L: ScopedRawMutex, S> IntoIterator for SyncMap<K, V, L, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter::new(self.core)
    }
}

impl<'a, K, V, L: ScopedRawMutex, S> IntoIterator for &'a mut SyncMap<K, V, L, S> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}
