//! The growing map: what `TwinMap` does on the global allocator.

use core::hash::{BuildHasher, Hash};

use equivalent::Equivalent;
use mutex_traits::ScopedRawMutex;
use rustc_hash::FxBuildHasher;

use crate::error::{ErrorKind, give_up};
use crate::guard::Ref;
use crate::lock::{SpinLock, Wait};
use crate::pinned::Pinned;
use crate::storage::Heap;
use crate::twin_map::TwinMap;

/// A concurrent hash map that grows, on the global allocator.
///
/// Looking up a key that the map has had for a while takes no lock, masks no interrupts, allocates nothing, frees
/// nothing and runs no destructor: from `main`, from an interrupt handler, from a task or from another core.
/// Overwriting and removing such a key takes no lock either. (A key is *known* in this way once it was promoted:
/// [`promote`](TwinMap::promote).) New keys go in under the lock `L`, for a short time
/// that on average does not depend on the size of the map. Which `L` to choose is the one question to answer:
/// see [the crate's documentation](crate#which-lock). A lock of your own must exclude its holder too: a
/// recursive mutex is no [`ScopedRawMutex`].
///
/// What is here needs memory; all other operations are those of [`TwinMap`]. All take `&self`. Those on the map itself
/// return a [`Ref`], which keeps the one value alive; several lookups in a row, iteration, and the operations that give
/// `&V` are on [`Pinned`], which [`pin`](TwinMap::pin) makes.
///
/// ```
/// use twinmap::SyncMap;
///
/// static LIMITS: SyncMap<u16, i32> = SyncMap::new();
///
/// LIMITS.insert(7, 100);
/// assert_eq!(LIMITS.get(&7).as_deref(), Some(&100));
/// ```
///
/// The default hasher, [`FxBuildHasher`], is small and fast and has no key: whoever chooses the keys can make them
/// collide. When that is an attacker, use [`with_hasher`](TwinMap::with_hasher) with a keyed one.
pub type SyncMap<K, V, L = SpinLock, S = FxBuildHasher> = TwinMap<K, V, Heap<K, V>, L, S>;

impl<K, V> SyncMap<K, V> {
    /// An empty map with room for `capacity` keys before it first has to grow, with a [`SpinLock`].
    ///
    /// Later tables are sized by what is live: once keys are removed, room that is not needed goes as well.
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does; and when the capacity is beyond what can be addressed.
    ///
    /// ```
    /// let map = twinmap::SyncMap::with_capacity(1_000);
    /// map.insert(1, 1);
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::new().reserved(capacity)
    }
}

impl<K, V, L, S> SyncMap<K, V, L, S> {
    pub(crate) fn reserved(mut self, capacity: usize) -> Self {
        // A bucket is a pointer, and there are up to eight thirds of one a key.
        assert!(capacity <= isize::MAX as usize / 32, "capacity overflow");
        if capacity != 0 && !self.core.reserve(capacity) {
            give_up::<V>(ErrorKind::OutOfMemory)
        }
        self
    }
}

/// What may need memory, from the allocator.
impl<K, V, L, S> SyncMap<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// Sets the value of a key; returns the one that it had.
    ///
    /// Overwriting a value takes no lock once the key was promoted, and allocates nothing when a node of the map is
    /// free to be used again, as is the case when nobody is pinned. A new key takes the lock for a moment, and
    /// allocates: from a handler that must not wait, [`try_insert`](Self::try_insert).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does. [`try_insert`](Self::try_insert) reports it.
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// assert!(map.insert(37, "a").is_none());
    /// assert_eq!(map.insert(37, "b").as_deref(), Some(&"a"));
    /// ```
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Option<Ref<'_, K, V>> {
        self.insert_with::<Wait>(key, value).unwrap_or_else(|error| give_up::<V>(error.kind))
    }

    /// The value of a key, after inserting `value` if there was none. Go's `LoadOrStore`.
    ///
    /// When the key is there this costs what [`get`](Self::get) does, else what [`insert`](Self::insert) does: unless
    /// it is known, not from a handler that must not wait for the lock.
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// assert_eq!(*map.get_or_insert("k", 1), 1);
    /// assert_eq!(*map.get_or_insert("k", 2), 1);
    /// ```
    pub fn get_or_insert(&self, key: K, value: V) -> Ref<'_, K, V> {
        self.get_or_insert_with(key, || value)
    }

    /// The value of a key, after inserting what `f` returns if there was none.
    ///
    /// `f` is called at most once, without the lock. If another thread inserts the key meanwhile, its value is returned
    /// and the one of `f` is dropped.
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// assert_eq!(*map.get_or_insert_with("k", || 6 * 7), 42);
    /// assert_eq!(*map.get_or_insert_with("k", || unreachable!()), 42);
    /// ```
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> Ref<'_, K, V> {
        self.find_or_insert(key, f).unwrap_or_else(|error| give_up::<V>(error.kind))
    }

    /// Replaces the value of a key by what `f` makes of it; returns the new value, or `None` if the key is absent.
    ///
    /// `f` is called without the lock, and again when another write came in between. Cost as [`insert`](Self::insert)
    /// of a key that is there; to find a key that is not known takes the lock. (What is added to an atomic inside of
    /// the old value meanwhile is lost: count in one or the other way.)
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// map.insert("frames", 41);
    /// assert_eq!(map.update("frames", |n| n + 1).as_deref(), Some(&42));
    /// assert!(map.update("errors", |n| n + 1).is_none());
    /// ```
    pub fn update<Q>(&self, key: &Q, f: impl FnMut(&V) -> V) -> Option<Ref<'_, K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.update_with(key, f).unwrap_or_else(|kind| give_up::<V>(kind))
    }

    /// Replaces the value of a key by what `f` makes of it, or inserts `value` if there is none;
    /// returns the value that is there then.
    ///
    /// One operation, whoever else updates, removes or inserts the key: nothing is lost in between (but what is added
    /// to an atomic inside of the old value). `f` is called without the lock, and again when another write came in
    /// between, also if in the end `value` is inserted. From a handler that must not wait:
    /// [`try_update_or_insert`](TwinMap::try_update_or_insert). Cost as [`update`](Self::update) when the key is there,
    /// else as that and [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    ///
    /// ```
    /// let words = twinmap::SyncMap::new();
    /// for word in "the map and the territory".split(' ') {
    ///     words.update_or_insert(word, |count| count + 1, 1);
    /// }
    /// assert_eq!((words.get("the").as_deref(), words.get("map").as_deref()), (Some(&2), Some(&1)));
    /// ```
    pub fn update_or_insert(&self, key: K, f: impl FnMut(&V) -> V, value: V) -> Ref<'_, K, V> {
        self.update_or_insert_with::<Wait>(key, f, value).unwrap_or_else(|error| give_up::<V>(error.kind))
    }
}

/// What may need memory, from the allocator.
impl<K, V, L, S> Pinned<'_, SyncMap<K, V, L, S>>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// Sets the value of a key, and returns the one that it had: [`SyncMap::insert`](TwinMap::insert).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    pub fn insert(&self, key: K, value: V) -> Option<&V> {
        self.insert_with::<Wait>(key, value).unwrap_or_else(|error| give_up::<V>(error.kind))
    }

    /// The value of a key, after inserting `value` if there was none:
    /// [`SyncMap::get_or_insert`](TwinMap::get_or_insert).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.get_or_insert_with(key, || value)
    }

    /// The value of a key, after inserting what `f` returns if there was none:
    /// [`SyncMap::get_or_insert_with`](TwinMap::get_or_insert_with).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> &V {
        self.find_or_insert(key, f).unwrap_or_else(|error| give_up::<V>(error.kind))
    }

    /// Replaces the value of a key by what `f` makes of it; returns the new value, or `None` if the key is absent:
    /// [`SyncMap::update`](TwinMap::update).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    pub fn update<Q>(&self, key: &Q, f: impl FnMut(&V) -> V) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.update_with(key, f).unwrap_or_else(|kind| give_up::<V>(kind))
    }

    /// Replaces the value of a key by what `f` makes of it, or inserts `value` if there is none:
    /// [`SyncMap::update_or_insert`](TwinMap::update_or_insert).
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does.
    pub fn update_or_insert(&self, key: K, f: impl FnMut(&V) -> V, value: V) -> &V {
        self.update_or_insert_with::<Wait>(key, f, value).unwrap_or_else(|error| give_up::<V>(error.kind))
    }
}
