//! Guards: [`Pinned`], under which everything is by reference, and [`Ref`], which keeps one value.

use core::fmt;
use core::hash::{BuildHasher, Hash};

use equivalent::Equivalent;
use mutex_traits::ScopedRawMutex;

use crate::error::{CompareExchangeError, ErrorKind, InsertError, WouldBlock};
use crate::garbage::{Effort, Garbage};
use crate::insert::{Refused, Why};
use crate::iter::{Iter, Keys, Values};
use crate::lock::{Acquire, Never, Try, Wait};
use crate::map::{Inserted, OnLive, Unlinked, Walk};
use crate::readers::Pin;
use crate::stats::Stats;
use crate::storage::Storage;
use crate::twin_map::TwinMap;

/// A map that is pinned: what is found through this guard stays where it is until the guard is dropped.
///
/// Made by [`TwinMap::pin`]. What the map can do is here as well, by reference, and iteration, `retain`, `remove_if`
/// and `compare_exchange` are here only. The references live as long as the guard is borrowed, whatever others do to
/// the map meanwhile. It is not a snapshot: what others write is seen, by the next lookup, through this guard too.
/// Dropping the guard costs one atomic decrement; it frees nothing. What was unlinked while it was there is freed by
/// the next write through the map, or by [`reclaim`](TwinMap::reclaim).
///
/// ```
/// let map = twinmap::SyncMap::new();
/// map.insert("a", 1);
///
/// let pinned = map.pin();
/// let one = pinned.get("a").unwrap();
/// pinned.insert("a", 2);
/// map.remove("a");
/// assert_eq!(*one, 1); // Still there.
/// ```
///
/// What was found does not outlive the guard:
///
/// ```compile_fail,E0505
/// # let map = twinmap::SyncMap::new();
/// # map.insert("a", 1);
/// let pinned = map.pin();
/// let one = pinned.get("a");
/// drop(pinned);
/// assert_eq!(one, Some(&1));
/// ```
#[must_use = "the pin ends when the guard is dropped"]
pub struct Pinned<'a, M> {
    pub(crate) map: &'a M,
    pub(crate) pin: Pin<'a>,
}

impl<'a, M> Pinned<'a, M> {
    pub(crate) fn new(map: &'a M, pin: Pin<'a>) -> Self {
        Self { map, pin }
    }

    /// The map.
    ///
    /// ```
    /// let map = twinmap::SyncMap::<u8, u8>::new();
    /// assert!(core::ptr::eq(map.pin().map(), &map));
    /// ```
    pub fn map(&self) -> &'a M {
        self.map
    }
}

impl<K, V, St: Storage<K, V>, L, S> Pinned<'_, TwinMap<K, V, St, L, S>> {
    /// The number of keys: [`TwinMap::len`].
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no key: [`TwinMap::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// What was unlinked and is not freed yet: [`TwinMap::garbage`].
    pub fn garbage(&self) -> Garbage {
        self.map.garbage()
    }

    /// As [`TwinMap::reclaim`], but while this guard is there, at most what was unlinked before it was made.
    pub fn reclaim(&self) {
        self.map.reclaim();
    }
}

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex, S> Pinned<'_, TwinMap<K, V, St, L, S>> {
    /// All keys and values, in no particular order. Go's `Range`.
    ///
    /// First makes the lock-free part of the map complete, under the lock in many short steps, unless it is; then
    /// iterates it without the lock. Each key comes at most once; a key that is present from before the call until
    /// after its end comes exactly once. A value is the one that its key had when it was reached. (While a `clear` is
    /// under way elsewhere, it may be one that is about to go, though [`get`](Self::get) no longer finds it.)
    ///
    /// Allocates nothing. With a [`SpinLock`](crate::SpinLock), not from an interrupt handler: it may wait for the
    /// lock. (A `FixedMap` is always complete, and takes no lock for this.)
    ///
    /// ```
    /// let map: twinmap::SyncMap<_, _> = (1..=4).map(|i| (i, i * i)).collect();
    /// let pinned = map.pin();
    /// let mut sum = 0;
    /// for (key, square) in &pinned { // Or `pinned.iter()`.
    ///     map.remove(key); // Others write, and so may who iterates.
    ///     sum += square;
    /// }
    /// assert_eq!((sum, map.len()), (30, 0));
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V, St> {
        let table = Never::unwrap(self.map.core.complete::<Wait>(&self.pin));
        // SAFETY: the table was `read` under the pin, which is borrowed as long as the iterator lives.
        Iter::new(unsafe { Walk::new(&self.map.core.storage, table) })
    }

    /// The entries that can be found without the lock, and whether that is all of them.
    pub(crate) fn known(&self) -> (Walk<'_, K, V, St>, bool) {
        let core = &self.map.core;
        let read = core.snapshot(&self.pin);
        // SAFETY: the table was `read` under the pin, which is borrowed as long as the walk lives.
        (unsafe { Walk::new(&core.storage, read.table) }, !read.amended())
    }

    /// All keys. As [`iter`](Self::iter).
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([(3, "c"), (5, "e")]);
    /// assert_eq!(map.pin().keys().max(), Some(&5));
    /// ```
    pub fn keys(&self) -> Keys<'_, K, V, St> {
        Keys::new(self.iter())
    }

    /// All values. As [`iter`](Self::iter).
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([("tea", 3), ("coffee", 4)]);
    /// assert_eq!(map.pin().values().sum::<i32>(), 7);
    /// ```
    pub fn values(&self) -> Values<'_, K, V, St> {
        Values::new(self.iter())
    }

    /// Removes the keys for which `f` returns `false`.
    ///
    /// Iterates as [`iter`](Self::iter), and removes as [`remove`](Self::remove), which may allocate a smaller table.
    /// `f` is called without the lock, and again for a key whose value was replaced before it could be removed. (A
    /// change inside of a value, an atomic for instance, replaces nothing: it is lost with the key.)
    ///
    /// ```
    /// let map: twinmap::SyncMap<_, _> = (0..8).map(|i| (i, i * i)).collect();
    /// map.pin().retain(|_, square| square % 2 == 0);
    /// assert_eq!(map.len(), 4);
    /// ```
    pub fn retain(&self, f: impl FnMut(&K, &V) -> bool) {
        self.map.core.retain(&self.pin, f);
        self.map.core.collect(Effort::SOME);
    }

    /// Makes every key reachable without the lock: [`TwinMap::promote`].
    pub fn promote(&self) {
        self.map.core.promote();
    }

    /// Figures for tuning: [`TwinMap::stats`].
    pub fn stats(&self) -> Stats {
        self.map.stats()
    }

    /// Removes all keys: [`TwinMap::clear`].
    pub fn clear(&self) {
        self.map.core.clear(&self.pin);
        self.map.core.collect(Effort::ALL);
    }
}

impl<K, V, St, L, S> Pinned<'_, TwinMap<K, V, St, L, S>>
where
    K: Eq + Hash,
    St: Storage<K, V>,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// The value of a key: [`TwinMap::get`].
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The key as it is in the map, and its value. Cost as [`TwinMap::get`].
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([("a".to_owned(), 1)]);
    /// let pinned = map.pin();
    /// let (key, _) = pinned.get_key_value("a").unwrap(); // The one that is in the map.
    /// assert_eq!(key, "a");
    /// ```
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        Never::unwrap(self.get_with::<Wait, Q>(key))
    }

    /// The value of a key, without waiting for the lock: [`TwinMap::try_get`].
    ///
    /// # Errors
    ///
    /// [`WouldBlock`] when the key is not among those that can be found without the lock, and the lock is
    /// held. (In a `FixedMap`, never.)
    #[inline]
    pub fn try_get<Q>(&self, key: &Q) -> Result<Option<&V>, WouldBlock>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        Ok(self.get_with::<Try, Q>(key)?.map(|(_, value)| value))
    }

    #[inline]
    fn get_with<A: Acquire, Q>(&self, key: &Q) -> Result<Option<(&K, &V)>, A::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.map.core.get::<A>(&self.pin, self.map.hash(key), |k| key.equivalent(k))
    }

    /// Whether a key is there. Cost as [`TwinMap::get`].
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.get(key).is_some()
    }

    /// As `insert`, but never waits and never aborts: [`TwinMap::try_insert`].
    ///
    /// # Errors
    ///
    /// With key and value inside, when the lock is needed and held, or when there is no memory or no room.
    pub fn try_insert(&self, key: K, value: V) -> Result<Option<&V>, InsertError<K, V>> {
        self.insert_with::<Try>(key, value)
    }

    pub(crate) fn insert_with<A: Acquire>(&self, key: K, value: V) -> Result<Option<&V>, InsertError<K, V>> {
        Ok(match self.inserted::<A>(key, value, OnLive::Replace)? {
            // SAFETY: unlinked under the pin.
            Inserted::Replaced(old) => Some(unsafe { self.map.core.value(old) }),
            Inserted::New(_) | Inserted::Kept(_) => None,
        })
    }

    /// Inserts, and retires what was replaced: the pin keeps it.
    fn inserted<A: Acquire>(&self, key: K, value: V, on_live: OnLive) -> Result<Inserted<V>, InsertError<K, V>> {
        let hash = self.map.hash(&key);
        let core = &self.map.core;
        let inserted = core.with_memory::<A, _, _>((key, value), |input| {
            let inserted = core.insert_outlined::<A>(&self.pin, hash, input, on_live);
            inserted.map_err(|Refused { input, why }| (input, why))
        });
        if let Ok(Inserted::Replaced(old)) = inserted {
            // SAFETY: the insertion unlinked it.
            drop(unsafe { Unlinked::new(core, old) });
        }
        core.collect(Effort::SOME);
        inserted.map_err(InsertError::new)
    }

    pub(crate) fn find_or_insert(&self, key: K, f: impl FnOnce() -> V) -> Result<&V, InsertError<K, V>> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let (Inserted::New(node) | Inserted::Replaced(node) | Inserted::Kept(node)) =
            self.inserted::<Wait>(key, f(), OnLive::Keep)?;
        // SAFETY: found or published under the pin. (Nothing is replaced.)
        Ok(unsafe { self.map.core.value(node) })
    }

    pub(crate) fn update_with<Q>(&self, key: &Q, mut f: impl FnMut(&V) -> V) -> Result<Option<&V>, ErrorKind>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.map.hash(key);
        let core = &self.map.core;
        let updated = core.with_memory::<Wait, _, _>((), |()| {
            core.update::<Wait>(&self.pin, hash, |k| key.equivalent(k), &mut f).map_err(|kind| ((), kind.into()))
        });
        core.collect(Effort::SOME);
        // SAFETY: published under the pin.
        updated.map(|node| node.map(|node| unsafe { core.value(node) })).map_err(|((), kind)| kind)
    }

    /// As `update_or_insert`, without waiting for the lock: [`TwinMap::try_update_or_insert`].
    ///
    /// # Errors
    ///
    /// As [`TwinMap::try_insert`], with key and value inside.
    pub fn try_update_or_insert(&self, key: K, f: impl FnMut(&V) -> V, value: V) -> Result<&V, InsertError<K, V>> {
        self.update_or_insert_with::<Try>(key, f, value)
    }

    pub(crate) fn update_or_insert_with<A: Acquire>(
        &self,
        key: K,
        mut f: impl FnMut(&V) -> V,
        value: V,
    ) -> Result<&V, InsertError<K, V>> {
        let hash = self.map.hash(&key);
        let core = &self.map.core;
        let done = core
            .with_memory::<A, _, _>((key, value), |input| core.update_or_insert::<A>(&self.pin, hash, input, &mut f));
        core.collect(Effort::SOME);
        // Should that panic, key and value are dropped, too.
        drop(f);
        // SAFETY: published under the pin.
        done.map(|node| unsafe { core.value(node) }).map_err(InsertError::new)
    }

    /// Replaces the value of a key by `new` if it equals `current`. Go's `CompareAndSwap`.
    ///
    /// Returns the value that was replaced. Cost as `insert` of a key that is there, also when nothing comes
    /// of it: the memory for `new` is taken first. To find a key that is not known takes the lock.
    /// `PartialEq` is called without the lock.
    ///
    /// # Errors
    ///
    /// With `new` inside, and the value that was found, if the key is there. When it is the expected one, there was no
    /// memory for `new`, and `kind` says so ([`OutOfMemory`](crate::ErrorKind::OutOfMemory), of a `FixedMap`
    /// [`Busy`](crate::ErrorKind::Busy)): a loop that starts again from `found` has to look at it first.
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// map.insert("state", "idle");
    ///
    /// let pinned = map.pin();
    /// assert_eq!(pinned.compare_exchange("state", &"idle", "busy"), Ok(&"idle"));
    ///
    /// let error = pinned.compare_exchange("state", &"idle", "busy").unwrap_err();
    /// assert_eq!((error.new, error.found), ("busy", Some(&"busy")));
    /// ```
    pub fn compare_exchange<Q>(&self, key: &Q, current: &V, new: V) -> Result<&V, CompareExchangeError<'_, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: PartialEq,
    {
        let hash = self.map.hash(key);
        let core = &self.map.core;
        let mut last = None;
        let exchanged = core.with_memory::<Wait, _, _>(new, |new| {
            match core.compare_exchange(&self.pin, hash, |k| key.equivalent(k), current, new) {
                Err(CompareExchangeError { new, found, kind: Some(kind) }) => {
                    last = found;
                    Err((new, kind.into()))
                }
                done => Ok(done),
            }
        });
        core.collect(Effort::SOME);
        exchanged.unwrap_or_else(|(new, kind)| Err(CompareExchangeError { new, found: last, kind: Some(kind) }))
    }

    /// Removes a key, and returns the value that it had: [`TwinMap::remove`].
    pub fn remove<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        Never::unwrap(self.remove_with::<Wait, Q>(key))
    }

    /// As [`remove`](Self::remove), without waiting for the lock: [`TwinMap::try_remove`].
    ///
    /// # Errors
    ///
    /// [`WouldBlock`] when the key is not among those that can be found without the lock, and the lock is
    /// held. (In a `FixedMap`, never.)
    pub fn try_remove<Q>(&self, key: &Q) -> Result<Option<&V>, WouldBlock>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.remove_with::<Try, Q>(key)
    }

    fn remove_with<A: Acquire, Q>(&self, key: &Q) -> Result<Option<&V>, A::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.map.hash(key);
        let old = self.map.core.remove_again::<A>(&self.pin, hash, Why::Again, &mut |k| key.equivalent(k));
        let old = old?.map(|old| old.value());
        self.map.core.collect(Effort::SOME);
        Ok(old)
    }

    /// Removes a key if `f` returns `true` for its value; returns the value then. Go's `CompareAndDelete`.
    ///
    /// `f` is called without the lock, and again when the value was replaced in between; a change inside of a value, an
    /// atomic for instance, replaces nothing. Cost as [`TwinMap::remove`].
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// map.insert("session", 1);
    ///
    /// let pinned = map.pin();
    /// assert_eq!(pinned.remove_if("session", |&age| age > 5), None);
    /// assert_eq!(pinned.remove_if("session", |&age| age < 5), Some(&1));
    /// ```
    pub fn remove_if<Q>(&self, key: &Q, f: impl FnMut(&V) -> bool) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.map.hash(key);
        let removed = self.map.core.remove_if::<Wait>(&self.pin, hash, |k| key.equivalent(k), f);
        self.map.core.collect(Effort::SOME);
        Never::unwrap(removed)
    }
}

impl<'p, K, V, St: Storage<K, V>, L: ScopedRawMutex, S> IntoIterator for &'p Pinned<'_, TwinMap<K, V, St, L, S>> {
    type Item = (&'p K, &'p V);
    type IntoIter = Iter<'p, K, V, St>;

    fn into_iter(self) -> Iter<'p, K, V, St> {
        self.iter()
    }
}

impl<K, V, St, L, S> fmt::Debug for Pinned<'_, TwinMap<K, V, St, L, S>>
where
    K: fmt::Debug,
    V: fmt::Debug,
    St: Storage<K, V>,
    L: ScopedRawMutex,
{
    /// The entries. When some can be found under the lock only, and the lock is held, it does not wait: it shows the
    /// others, and an ellipsis.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // When somebody has the lock: what is there already.
        let _ = self.map.core.complete::<Try>(&self.pin);
        let (entries, complete) = self.known();
        let mut map = f.debug_map();
        map.entries(entries);
        if complete { map.finish() } else { map.finish_non_exhaustive() }
    }
}
