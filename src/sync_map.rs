//! The growing map: its public face.

use alloc::alloc::handle_alloc_error;
use core::alloc::Layout;
use core::hash::{BuildHasher, Hash};
use core::ptr::NonNull;

use equivalent::Equivalent;
use mutex_traits::ScopedRawMutex;
use rustc_hash::FxBuildHasher;

use crate::entry::Node;
use crate::error::{InsertError, WouldBlock};
use crate::garbage::Garbage;
use crate::lock::SpinLock;
use crate::map::{Acquire, Core, Inserted, Never, OnLive, Try, Wait};
use crate::owned::{Drain, IterMut};
use crate::pinned::{Pinned, Ref};
use crate::readers::Pin;
use crate::storage::heap::Heap;
use crate::sync::{Ordering, const_fn};

/// A concurrent hash map that grows, on the global allocator.
///
/// Lookups that hit take no lock, mask no interrupts, allocate nothing, free nothing and run no destructor: from `main`,
/// from an interrupt handler, from a task or from another core. Overwriting and removing a key that the map has had for
/// a while takes no lock either. New keys go in under the lock `L`, for a short time that does not depend on the size
/// of the map. Which `L` to choose is the one question to answer: see [the crate's documentation](crate#which-lock). A lock
/// of your own must exclude its holder too: a recursive mutex is no [`ScopedRawMutex`].
///
/// All operations take `&self`. Those on the map itself return a [`Ref`], which keeps the one value alive; several
/// lookups in a row, iteration, and the operations that give `&V` are on [`Pinned`], which [`pin`](SyncMap::pin) makes.
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
/// The default hasher, [`FxBuildHasher`], is small and fast and has no key: whoever chooses the keys can make them collide. When
/// that is an attacker, use [`with_hasher`](SyncMap::with_hasher) with a keyed one.
pub struct SyncMap<K, V, L = SpinLock, S = FxBuildHasher> {
    pub(crate) core: Core<K, V, Heap<K, V>, L>,
    hash_builder: S,
}

impl<K, V> SyncMap<K, V> {
    const_fn! {
        /// An empty map with a [`SpinLock`] and the default hasher. Allocates nothing.
        pub fn new() -> Self {
            Self::with_lock(SpinLock::new())
        }
    }

    /// An empty map with room for `capacity` keys before it first has to grow.
    ///
    /// Later tables are sized by what is live: once keys are removed, room that is not needed goes as well.
    ///
    /// # Panics
    ///
    /// When there is no memory, as the allocator does; and when the capacity is beyond what can be addressed.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::new().reserved(capacity)
    }
}

impl<K, V, L> SyncMap<K, V, L> {
    const_fn! {
        /// An empty map with this lock.
        ///
        /// ```
        /// # #[cfg(feature = "critical-section")] {
        /// use twinmap::{CriticalSectionLock, SyncMap};
        ///
        /// static FRAMES: SyncMap<u32, [u8; 8], CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());
        /// # FRAMES.insert(1, [0; 8]);
        /// # }
        /// ```
        pub fn with_lock(lock: L) -> Self {
            Self::with_lock_and_hasher(lock, FxBuildHasher)
        }
    }
}

impl<K, V, S> SyncMap<K, V, SpinLock, S> {
    const_fn! {
        /// An empty map with this hasher.
        pub fn with_hasher(hash_builder: S) -> Self {
            Self::with_lock_and_hasher(SpinLock::new(), hash_builder)
        }
    }
}

impl<K, V, L, S> SyncMap<K, V, L, S> {
    const_fn! {
        /// An empty map with this lock and this hasher.
        pub fn with_lock_and_hasher(lock: L, hash_builder: S) -> Self {
            Self { core: Core::new(Heap::new(), lock), hash_builder }
        }
    }

    /// The number of keys. Takes no lock.
    ///
    /// While others write it is a number that the map had or was about to have; it never misses a key that was
    /// inserted before the call and not removed.
    pub fn len(&self) -> usize {
        self.core.len.load(Ordering::SeqCst)
    }

    /// Whether there is no key. As [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pins the map: until the returned guard is dropped, what can be reached through it stays where it is.
    ///
    /// Takes no lock and never fails; the cost is an atomic increment and a fence. Guards nest, may be sent to other
    /// threads, and may be held as long as one likes: what is unlinked meanwhile is freed afterwards, by the next write or
    /// [`reclaim`](Self::reclaim).
    #[inline]
    pub fn pin(&self) -> Pinned<'_, K, V, L, S> {
        Pinned::new(self, self.core.pin())
    }

    /// Frees what was unlinked and is seen by no reader any more. Never waits; runs destructors.
    ///
    /// Every write does this as well. It is of use after long pins, or where no write follows.
    pub fn reclaim(&self) {
        self.core.collect();
    }

    /// What was unlinked and is not freed yet.
    pub fn garbage(&self) -> Garbage {
        self.core.garbage.garbage()
    }

    /// How many times a table was promoted, that is, how often the lock-free part of the map was renewed; it wraps.
    pub fn promotions(&self) -> usize {
        self.core.promotions.load(Ordering::Relaxed)
    }

    pub(crate) fn reserved(mut self, capacity: usize) -> Self {
        // A bucket is a pointer and a byte, and an eighth of the buckets stay free.
        assert!(capacity <= isize::MAX as usize / 32, "capacity overflow");
        if capacity != 0 && !self.core.reserve(capacity) {
            out_of_memory::<V>()
        }
        self
    }
}

/// The operations that may take the lock.
impl<K, V, L: ScopedRawMutex, S> SyncMap<K, V, L, S> {
    /// Removes all keys, at once for everyone.
    ///
    /// Takes the lock for a moment; marking and freeing what was in the map is done without it and takes time
    /// proportional to its size. A key that is inserted after `clear` returned, or by another thread after it took
    /// effect, stays.
    pub fn clear(&self) {
        let pin = self.core.pin();
        self.core.clear(&pin);
        self.finish(pin, None);
    }

    /// Makes every key reachable without the lock, and gives up the memory of removed ones.
    ///
    /// The map does this by itself as it is used. Calling it after the keys are known, for instance at the end of an
    /// initialisation, makes all later lookups hits. Takes the lock for many short steps and allocates a table when there
    /// is something to give up; without memory for that it leaves the map as it is.
    pub fn promote(&self) {
        let pin = self.core.pin();
        self.core.promote(&pin);
        self.finish(pin, None);
    }

    /// Mutable access to all values, with their keys. Readers do not exist while the map is borrowed mutably:
    ///
    /// ```compile_fail,E0502
    /// let mut map = twinmap::SyncMap::from([(1, 1)]);
    /// let one = map.get(&1);
    /// map.iter_mut().for_each(|(_, value)| *value = 2);
    /// assert_eq!(one.as_deref(), Some(&1));
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut::new(&mut self.core)
    }

    /// Takes everything out. The map is empty from the call on, also if the iterator is forgotten (which leaks).
    pub fn drain(&mut self) -> Drain<'_, K, V> {
        Drain::new(&mut self.core)
    }

    /// Ends a write: unpins, and frees what can be freed; or leaves both to the guard that is returned.
    #[inline]
    fn finish<'a>(&'a self, pin: Pin<'a>, value: Option<NonNull<V>>) -> Option<Ref<'a, K, V>> {
        match value {
            // SAFETY: the value was found under this pin.
            Some(value) => Some(unsafe { Ref::new(value, pin, Some(&self.core)) }),
            None => {
                drop(pin);
                self.core.collect();
                None
            }
        }
    }
}

impl<K, V, L, S> SyncMap<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    #[inline]
    pub(crate) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // On a 32-bit core the upper half goes: hashbrown does not use it there.
        self.hash_builder.hash_one(key) as usize
    }

    /// The value of a key.
    ///
    /// A hit takes no lock. A miss takes it for a moment if a key was inserted since the last promotion, else it
    /// does not either. Never allocates, frees or runs a destructor (a miss may promote, which retires a table).
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// map.insert("speed", 3);
    /// assert_eq!(*map.get("speed").unwrap(), 3);
    /// assert!(map.get("height").is_none());
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<Ref<'_, K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        Never::unwrap(self.get_with::<Wait, Q>(key))
    }

    /// The value of a key, without ever waiting for the lock: for interrupt handlers.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`] when the key is not among those that can be found without the lock, and the lock is held.
    #[inline]
    pub fn try_get<Q>(&self, key: &Q) -> Result<Option<Ref<'_, K, V>>, WouldBlock>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.get_with::<Try, Q>(key)
    }

    #[inline]
    fn get_with<A: Acquire, Q>(&self, key: &Q) -> Result<Option<Ref<'_, K, V>>, A::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        let pin = self.core.pin();
        let value = self.core.get::<A>(&pin, hash, |k| key.equivalent(k))?.map(|(_, value)| NonNull::from(value));
        // SAFETY: the value was found under this pin.
        Ok(value.map(|value| unsafe { Ref::new::<L>(value, pin, None) }))
    }

    /// Whether a key is there. Cost as [`get`](Self::get).
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.pin().contains_key(key)
    }

    /// Sets the value of a key; returns the one that it had.
    ///
    /// Overwriting a value takes no lock once the key was promoted, and allocates nothing when a node of the map is free
    /// to be used again, as is the case when nobody is pinned. A new key takes the lock for a moment, and allocates.
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
    pub fn insert(&self, key: K, value: V) -> Option<Ref<'_, K, V>> {
        self.insert_with::<Wait>(key, value)
            // Again, for the failure has freed what could be freed.
            .or_else(|InsertError { key, value, .. }| self.insert_with::<Wait>(key, value))
            .unwrap_or_else(|_| out_of_memory::<V>())
    }

    /// As [`insert`](Self::insert), but never waits and never aborts: for interrupt handlers.
    ///
    /// # Errors
    ///
    /// With key and value inside: [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) when the lock is needed and held, [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory)
    /// when the allocator has no memory. The map is as it was.
    ///
    /// ```
    /// use twinmap::SyncMap;
    ///
    /// static LATEST: SyncMap<u8, u32> = SyncMap::new();
    ///
    /// fn interrupt_handler() {
    ///     if let Err(rejected) = LATEST.try_insert(3, 1_000) {
    ///         // Keep `rejected.value` for the next time.
    ///     }
    /// }
    /// # interrupt_handler();
    /// # assert_eq!(LATEST.len(), 1);
    /// ```
    pub fn try_insert(&self, key: K, value: V) -> Result<Option<Ref<'_, K, V>>, InsertError<K, V>> {
        self.insert_with::<Try>(key, value)
    }

    #[inline]
    fn insert_with<A: Acquire>(&self, key: K, value: V) -> Result<Option<Ref<'_, K, V>>, InsertError<K, V>> {
        let hash = self.hash(&key);
        let pin = self.core.pin();
        match self.core.insert::<A>(&pin, hash, key, value, OnLive::Replace) {
            Ok(Inserted::Replaced(old)) => {
                let old = NonNull::from(old);
                Ok(self.finish(pin, Some(old)))
            }
            Ok(Inserted::New(_) | Inserted::Kept(_)) => Ok(self.finish(pin, None)),
            Err(error) => {
                // A table may have been promoted before there was no memory for the next.
                self.finish(pin, None);
                Err(error)
            }
        }
    }

    /// The value of a key, after inserting `value` if there was none. Go's `LoadOrStore`.
    ///
    /// When the key is there this costs what [`get`](Self::get) does, else what [`insert`](Self::insert) does.
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
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> Ref<'_, K, V> {
        let hash = self.hash(&key);
        let pin = self.core.pin();
        let found = self.core.get_or_insert_with(&pin, hash, key, f);
        let (value, wrote) = found.unwrap_or_else(|_| out_of_memory::<V>());
        let value = NonNull::from(value);
        // SAFETY: the value was found or inserted under this pin.
        unsafe { Ref::new(value, pin, wrote.then_some(&self.core)) }
    }

    /// Replaces the value of a key by what `f` makes of it; returns the new value, or `None` if the key is absent.
    ///
    /// `f` is called without the lock, and again when another write came in between. Cost as [`insert`](Self::insert)
    /// of a key that is there.
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
        let hash = self.hash(key);
        let pin = self.core.pin();
        let new = self.core.update::<Wait>(&pin, hash, |k| key.equivalent(k), f);
        let new = new.unwrap_or_else(|_| out_of_memory::<V>()).map(NonNull::from);
        self.finish(pin, new)
    }

    /// Removes a key; returns the value that it had. Go's `LoadAndDelete`.
    ///
    /// Takes no lock once the key was promoted. When the map's table has become more than four times too large, it tries to take the
    /// lock, without waiting, for some short steps towards a smaller table, which is then allocated. A key that was inserted
    /// recently takes the lock for a moment.
    pub fn remove<Q>(&self, key: &Q) -> Option<Ref<'_, K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        Never::unwrap(self.remove_with::<Wait, Q>(key))
    }

    /// As [`remove`](Self::remove), but never waits for the lock: for interrupt handlers.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`] when the key is not among those that can be found without the lock, and the lock is held.
    pub fn try_remove<Q>(&self, key: &Q) -> Result<Option<Ref<'_, K, V>>, WouldBlock>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.remove_with::<Try, Q>(key)
    }

    fn remove_with<A: Acquire, Q>(&self, key: &Q) -> Result<Option<Ref<'_, K, V>>, A::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        let pin = self.core.pin();
        let old = self.core.remove::<A>(&pin, hash, |k| key.equivalent(k))?.map(NonNull::from);
        Ok(self.finish(pin, old))
    }

    /// Mutable access to the value of a key. Readers do not exist while the map is borrowed mutably.
    ///
    /// ```
    /// let mut map = twinmap::SyncMap::new();
    /// map.insert('a', 1);
    /// *map.get_mut(&'a').unwrap() += 1;
    /// assert_eq!(map.get(&'a').as_deref(), Some(&2));
    /// ```
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        self.core.get_mut(hash, |k| key.equivalent(k))
    }
}

/// What `insert` and the like do without memory: a call that waits for the lock fails for no other reason.
#[cold]
pub(crate) fn out_of_memory<V>() -> ! {
    handle_alloc_error(Layout::new::<Node<V>>())
}
