//! The map: its public face, as far as it does not depend on where the memory is.

use core::hash::{BuildHasher, Hash};
use core::ptr::NonNull;

use equivalent::Equivalent;
use mutex_traits::ScopedRawMutex;
use rustc_hash::FxBuildHasher;

use crate::error::{ErrorKind, InsertError, WouldBlock};
use crate::garbage::{Effort, Garbage};
use crate::guard::Ref;
use crate::insert::Refused;
use crate::lock::{Acquire, Never, SpinLock, Try, Wait};
use crate::map::{Core, Inserted, OnLive, Unlinked};
use crate::owned::{Drain, IterMut};
use crate::pinned::Pinned;
use crate::readers::Pin;
use crate::stats::Stats;
use crate::storage::Storage;
use crate::sync::{Ordering, const_fn};

/// The map over its storage `St`: what `SyncMap` and `FixedMap` are.
///
/// Here is all that they have in common. What needs memory, and does not report its lack in the same way, is with each
/// of them: `insert`, `get_or_insert`, `get_or_insert_with`, `update` and `update_or_insert`.
///
/// All operations take `&self`. Those on the map itself return a [`Ref`], which keeps the one value alive; several
/// lookups in a row, iteration, and the operations that give `&V` are on [`Pinned`], which [`pin`](TwinMap::pin) makes.
/// Which may be called from an interrupt handler, with which lock, is in [the table](crate#what-each-operation-does).
///
/// ```
/// use twinmap::{FixedMap, FxBuildHasher, ScopedRawMutex, SyncMap, TwinMap, storage::Storage};
///
/// /// Of either map, with any lock.
/// fn total<St: Storage<u8, u32>, L: ScopedRawMutex>(map: &TwinMap<u8, u32, St, L, FxBuildHasher>) -> u32 {
///     map.pin().values().sum()
/// }
///
/// assert_eq!(total(&SyncMap::from([(1, 20), (2, 30)])), 50);
/// assert_eq!(total(&FixedMap::<u8, u32, 8>::new()), 0);
/// ```
pub struct TwinMap<K, V, St: Storage<K, V>, L, S> {
    pub(crate) core: Core<K, V, St, L>,
    hash_builder: S,
}

impl<K, V, St: Storage<K, V>> TwinMap<K, V, St, SpinLock, FxBuildHasher> {
    const_fn! {
        /// An empty map with a [`SpinLock`] and the default hasher. Allocates nothing.
        ///
        /// ```
        /// use twinmap::{FixedMap, SyncMap};
        ///
        /// static GROWS: SyncMap<u32, u32> = SyncMap::new();
        /// static FIXED: FixedMap<u32, u32, 100> = FixedMap::new();
        /// # assert!(GROWS.is_empty() && FIXED.is_empty());
        /// ```
        #[must_use]
        pub fn new() -> Self {
            Self::with_lock(SpinLock::new())
        }
    }
}

impl<K, V, St: Storage<K, V>, L> TwinMap<K, V, St, L, FxBuildHasher> {
    const_fn! {
        /// An empty map with this lock.
        ///
        /// ```
        /// # #[cfg(all(feature = "critical-section", feature = "alloc"))] {
        /// use twinmap::{CriticalSectionLock, SyncMap};
        ///
        /// static FRAMES: SyncMap<u32, [u8; 8], CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());
        /// # FRAMES.insert(1, [0; 8]);
        /// # }
        /// ```
        #[must_use]
        pub fn with_lock(lock: L) -> Self {
            Self::with_lock_and_hasher(lock, FxBuildHasher)
        }
    }
}

impl<K, V, St: Storage<K, V>, S> TwinMap<K, V, St, SpinLock, S> {
    const_fn! {
        /// An empty map with this hasher.
        ///
        /// ```
        /// use std::hash::RandomState;
        /// use twinmap::{SpinLock, SyncMap};
        ///
        /// // Keys that an attacker chooses.
        /// let sessions: SyncMap<String, u32, SpinLock, RandomState> = SyncMap::with_hasher(RandomState::new());
        /// sessions.insert("0f3e".to_owned(), 1);
        /// ```
        #[must_use]
        pub fn with_hasher(hash_builder: S) -> Self {
            Self::with_lock_and_hasher(SpinLock::new(), hash_builder)
        }
    }
}

impl<K, V, St: Storage<K, V>, L, S> TwinMap<K, V, St, L, S> {
    const_fn! {
        /// An empty map with this lock and this hasher.
        ///
        /// ```
        /// use twinmap::{FxBuildHasher, SpinLock, SyncMap};
        ///
        /// static MAP: SyncMap<u8, u8> = SyncMap::with_lock_and_hasher(SpinLock::new(), FxBuildHasher);
        /// # assert!(MAP.is_empty());
        /// ```
        #[must_use]
        pub fn with_lock_and_hasher(lock: L, hash_builder: S) -> Self {
            Self { core: Core::new(lock), hash_builder }
        }
    }

    /// The number of keys. Takes no lock.
    ///
    /// While others write, it counts each key that was inserted before the call and not removed, and may count some of
    /// those that are being inserted or removed just now.
    ///
    /// ```
    /// assert_eq!(twinmap::SyncMap::from([(1, 1), (2, 4)]).len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.core.count.get()
    }

    /// Whether there is no key. As [`len`](Self::len).
    ///
    /// ```
    /// assert!(twinmap::SyncMap::<u8, u8>::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pins the map: until the returned guard is dropped, what can be reached through it stays where it is.
    ///
    /// Takes no lock and never fails; the cost is an atomic increment and a fence. Guards nest, may be sent to other
    /// threads, and may be held as long as one likes: what is unlinked meanwhile is freed afterwards, by the next
    /// write or [`reclaim`](Self::reclaim).
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([("low", 10), ("high", 20)]);
    /// let limits = map.pin(); // One pin for both lookups, which give references.
    /// let (low, high) = (limits.get("low"), limits.get("high"));
    /// assert!(low < high);
    /// ```
    #[inline]
    pub fn pin(&self) -> Pinned<'_, Self> {
        Pinned::new(self, self.core.pin())
    }

    /// Frees what was unlinked and is seen by no reader any more: with nobody pinned,
    /// everything, but what another context is freeing or is to free next. Never waits; runs destructors.
    ///
    /// A write does this as well, though not all of it: a `SyncMap`'s removed keys a few at a time, and on a host
    /// little while somebody is pinned. So this is of use after long pins, or where no write follows. Where pins
    /// overlap, something may have to wait for one that was made after it was unlinked, too.
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([(1, "a")]);
    /// map.promote();
    /// let a = map.get(&1);
    /// map.remove(&1);
    /// drop(a); // A reader frees nothing, and there may be no other write.
    /// map.reclaim();
    /// assert!(map.garbage().is_empty());
    /// ```
    pub fn reclaim(&self) {
        self.core.collect(Effort::ALL);
    }

    /// What was unlinked and is not freed yet.
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([(1, "a")]);
    /// map.promote();
    /// let _a = map.get(&1);
    /// map.insert(1, "b");
    /// assert_eq!(map.garbage().values, 1);
    /// ```
    pub fn garbage(&self) -> Garbage {
        self.core.garbage.garbage(&self.core.readers)
    }

    /// How many times a table was promoted, that is, how often the lock-free part of the map was renewed; it wraps.
    /// Never, in a `FixedMap`, whose keys are all in there at once.
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([(1, 1)]);
    /// let before = map.promotions();
    /// map.promote();
    /// assert_eq!(map.promotions(), before + 1);
    /// ```
    pub fn promotions(&self) -> usize {
        self.core.promotions.load(Ordering::Relaxed)
    }

    /// Mutable access to all values, with their keys. Takes no lock. Before that, all keys are promoted, and
    /// what waits to be freed is freed: time that is proportional to the map's size. Readers do not exist
    /// while the map is borrowed mutably:
    ///
    /// ```compile_fail,E0502
    /// let mut map = twinmap::SyncMap::from([(1, 1)]);
    /// let one = map.get(&1);
    /// map.iter_mut().for_each(|(_, value)| *value = 2);
    /// assert_eq!(one.as_deref(), Some(&1));
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V, St> {
        IterMut::new(&mut self.core)
    }

    /// Takes everything out: what the iterator has not given out when it is dropped, is dropped. (If it is forgotten,
    /// what it has not given out stays in the map.) Cost as [`iter_mut`](Self::iter_mut).
    ///
    /// ```
    /// let mut map = twinmap::SyncMap::from([(1, "a"), (2, "b")]);
    /// assert_eq!(map.drain().count(), 2);
    /// assert!(map.is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<'_, K, V, St, L> {
        Drain::new(&mut self.core)
    }
}

/// The operations that may take the lock.
impl<K, V, St: Storage<K, V>, L: ScopedRawMutex, S> TwinMap<K, V, St, L, S> {
    /// Removes all keys, at once for everyone.
    ///
    /// Takes the lock for a moment, so with a [`SpinLock`](crate::SpinLock) not from an interrupt handler; marking and
    /// freeing what was in the map is done without it and takes time proportional to its size. A key that is inserted
    /// after `clear` returned, or by another thread after it took effect, stays.
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([(1, "a")]);
    /// let a = map.get(&1);
    /// map.clear();
    /// assert!(map.is_empty() && a.as_deref() == Some(&"a"));
    /// ```
    pub fn clear(&self) {
        let pin = self.core.pin();
        self.core.clear(&pin);
        drop(pin);
        self.core.collect(Effort::ALL);
    }

    /// Makes every key reachable without the lock, and gives up the memory of removed ones.
    ///
    /// A `SyncMap` does this by itself as it is used. Calling it after the keys are known, for instance at the end of
    /// an initialisation, lets all later lookups of them do without the lock. Takes the lock for many short steps (so
    /// with a [`SpinLock`](crate::SpinLock) not from an interrupt handler) and needs a table when there is something to
    /// give up; without memory for that it leaves the map as it is.
    ///
    /// In a `FixedMap` every key is reachable without the lock anyway; what this gives up is what removals left in the
    /// table which somebody else's lock kept from it.
    ///
    /// ```
    /// let map = twinmap::SyncMap::new();
    /// for channel in 0..8 {
    ///     map.insert(channel, 0);
    /// }
    /// map.promote(); // From now on, looking one of them up takes no lock, nor does storing a sample.
    /// assert!(map.get(&3).is_some());
    /// ```
    pub fn promote(&self) {
        self.core.promote();
    }

    /// Figures for tuning: what the map has done, and how far it is. With the feature `stats`, also how many lookups
    /// found their key, how many times the lock was taken, and high-water marks.
    ///
    /// Tries to take the lock, for a moment, and does not wait for it; changes nothing, allocates nothing.
    ///
    /// ```
    /// let map: twinmap::SyncMap<_, _> = (0..100).map(|i| (i, i)).collect();
    /// map.promote();
    /// let stats = map.stats();
    /// assert_eq!((stats.len, stats.copy), (100, None)); // No key is recent: lookups take no lock.
    /// ```
    pub fn stats(&self) -> Stats {
        let copy = self.core.section::<Try, _>(|dirty| dirty.progress());
        self.core.counters.stats(self.len(), self.promotions(), copy.ok().flatten(), self.garbage())
    }

    /// Ends a write that has nothing to return: unpins, and frees what can be freed.
    #[inline]
    fn finish(&self, pin: Pin<'_>) {
        drop(pin);
        self.core.collect(Effort::SOME);
    }
}

impl<K, V, St, L, S> TwinMap<K, V, St, L, S>
where
    K: Eq + Hash,
    St: Storage<K, V>,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    #[inline]
    pub(crate) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // On a 32-bit core the upper half goes: no index there is long enough to use it.
        self.hash_builder.hash_one(key) as usize
    }

    /// The value of a key.
    ///
    /// A known key (one that was promoted and not removed since; in a `FixedMap`, any) takes no lock. Any other key
    /// takes it for a moment while a new table is being filled: from the first insertion after a promotion (or a
    /// removal that begins a smaller table) until the next promotion; from a handler that must not wait,
    /// [`try_get`](Self::try_get). In a `FixedMap` none ever does. Never allocates, frees or runs a destructor (a miss
    /// may promote, which retires a table).
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

    /// The value of a key, without waiting for who has the lock: for interrupt handlers. (To enter a critical section
    /// can mean to wait for the one of another core.)
    ///
    /// # Errors
    ///
    /// [`WouldBlock`] when the key is not among those that can be found without the lock, and the lock is
    /// held. (In a `FixedMap`, never.)
    ///
    /// ```
    /// use twinmap::SyncMap;
    ///
    /// static LIMITS: SyncMap<u8, u32> = SyncMap::new();
    ///
    /// fn interrupt_handler(channel: u8, sample: u32) -> bool {
    ///     match LIMITS.try_get(&channel) {
    ///         Ok(limit) => limit.is_some_and(|limit| sample > *limit),
    ///         Err(_would_block) => false, // A channel that is new, while somebody inserts: next time.
    ///     }
    /// }
    /// # LIMITS.insert(1, 10);
    /// # assert!(interrupt_handler(1, 11));
    /// ```
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
        Ok(value.map(|value| unsafe { Ref::found(value, pin) }))
    }

    /// Whether a key is there. Cost as [`get`](Self::get).
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([("tea", 3)]);
    /// assert!(map.contains_key("tea") && !map.contains_key("milk"));
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.pin().contains_key(key)
    }

    /// As `insert`, which overwrites a value that is there, but never waits for who has the lock (see
    /// [`try_get`](Self::try_get)), and never aborts: for interrupt handlers. (To insert only where nothing is, as what
    /// has this name elsewhere does: `get_or_insert`.)
    ///
    /// # Errors
    ///
    /// With key and value inside: [`ErrorKind::WouldBlock`] when the lock is needed and held;
    /// [`ErrorKind::OutOfMemory`] when the allocator has no memory (`SyncMap`); [`ErrorKind::Full`] or
    /// [`ErrorKind::Busy`] when there is no room (`FixedMap`). The map is as it was.
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
    pub(crate) fn insert_with<A: Acquire>(&self, key: K, value: V) -> Result<Option<Ref<'_, K, V>>, InsertError<K, V>> {
        let hash = self.hash(&key);
        Ok(match self.inserted::<A>(hash, (key, value), OnLive::Replace)? {
            // SAFETY: it is ours, and was unlinked under this pin.
            (Inserted::Replaced(old), pin) => Some(unsafe { Ref::unlinked(&self.core, old, pin) }),
            (Inserted::New(_) | Inserted::Kept(_), pin) => {
                drop(pin);
                self.core.collect(Effort::FEW);
                None
            }
        })
    }

    #[cfg_attr(not(small), inline(never))]
    fn inserted<A: Acquire>(
        &self,
        hash: usize,
        input: (K, V),
        on_live: OnLive,
    ) -> Result<(Inserted<V>, Pin<'_>), InsertError<K, V>> {
        let pin = self.core.pin();
        match self.core.insert::<A>(&pin, hash, input, on_live) {
            Ok(inserted) => Ok((inserted, pin)),
            Err(refused) => {
                drop(pin);
                self.inserted_again::<A>(hash, refused, on_live)
            }
        }
    }

    #[cfg_attr(not(small), inline(never))]
    fn inserted_again<A: Acquire>(
        &self,
        hash: usize,
        Refused { input, why }: Refused<K, V>,
        on_live: OnLive,
    ) -> Result<(Inserted<V>, Pin<'_>), InsertError<K, V>> {
        let inserted = self.core.again::<A, _, _>(input, why, |input| {
            let pin = self.core.pin();
            match self.core.insert_outlined::<A>(&pin, hash, input, on_live) {
                Ok(inserted) => Ok((inserted, pin)),
                Err(Refused { input, why }) => Err((input, why)),
            }
        });
        inserted.map_err(InsertError::new)
    }

    pub(crate) fn find_or_insert(&self, key: K, f: impl FnOnce() -> V) -> Result<Ref<'_, K, V>, InsertError<K, V>> {
        let hash = self.hash(&key);
        let pin = self.core.pin();
        let found = Never::unwrap(self.core.get::<Wait>(&pin, hash, |other| key == *other));
        let Some(value) = found.map(|(_, value)| NonNull::from(value)) else {
            drop(pin);
            let (Inserted::New(node) | Inserted::Replaced(node) | Inserted::Kept(node), pin) =
                self.inserted::<Wait>(hash, (key, f()), OnLive::Keep)?;
            // SAFETY: found or published under this pin. (Nothing is replaced.)
            return Ok(unsafe { Ref::written(&self.core, node, pin) });
        };
        // Before there is a `Ref`: should one of them panic, what is to be returned is forgotten, and a pin with it.
        drop((key, f));
        // SAFETY: the value was found under this pin.
        Ok(unsafe { Ref::found(value, pin) })
    }

    pub(crate) fn update_with<Q>(&self, key: &Q, mut f: impl FnMut(&V) -> V) -> Result<Option<Ref<'_, K, V>>, ErrorKind>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let hash = self.hash(key);
        let updated = self.core.with_memory::<Wait, _, _>((), |()| {
            let pin = self.core.pin();
            let new = self
                .core
                .update::<Wait>(&pin, hash, |k| key.equivalent(k), &mut f)
                .map_err(|kind| ((), kind.into()))?;
            // SAFETY: published under this pin.
            let new = new.map(|node| unsafe { Ref::written(&self.core, node, pin) });
            if new.is_none() {
                self.core.collect(Effort::SOME);
            }
            Ok(new)
        });
        // Now, as in `find_or_insert`.
        drop(f);
        updated.map_err(|((), kind)| kind)
    }

    /// As `update_or_insert`, but never waits for who has the lock (see [`try_get`](Self::try_get)), and never
    /// aborts: for interrupt handlers.
    ///
    /// # Errors
    ///
    /// As [`try_insert`](Self::try_insert), with key and value inside.
    ///
    /// ```
    /// use twinmap::{FxBuildHasher, ScopedRawMutex, SyncMap, TwinMap, storage::Storage};
    ///
    /// /// Of either map, with any lock, from anywhere; `false` if it has to be another time.
    /// fn count<St: Storage<u32, u32>, L: ScopedRawMutex>(frames: &TwinMap<u32, u32, St, L, FxBuildHasher>, id: u32) -> bool {
    ///     frames.try_update_or_insert(id, |count| count + 1, 1).is_ok()
    /// }
    ///
    /// let frames = SyncMap::new();
    /// assert!(count(&frames, 0x244) && count(&frames, 0x244));
    /// assert_eq!(frames.get(&0x244).as_deref(), Some(&2));
    /// ```
    pub fn try_update_or_insert(
        &self,
        key: K,
        f: impl FnMut(&V) -> V,
        value: V,
    ) -> Result<Ref<'_, K, V>, InsertError<K, V>> {
        self.update_or_insert_with::<Try>(key, f, value)
    }

    pub(crate) fn update_or_insert_with<A: Acquire>(
        &self,
        key: K,
        mut f: impl FnMut(&V) -> V,
        value: V,
    ) -> Result<Ref<'_, K, V>, InsertError<K, V>> {
        let hash = self.hash(&key);
        let done = self.core.with_memory::<A, _, _>((key, value), |input| {
            let pin = self.core.pin();
            let node = self.core.update_or_insert::<A>(&pin, hash, input, &mut f)?;
            // SAFETY: published under this pin.
            Ok(unsafe { Ref::written(&self.core, node, pin) })
        });
        // Now, as in `find_or_insert`.
        drop(f);
        done.map_err(InsertError::new)
    }

    /// Removes a key; returns the value that it had. Go's `LoadAndDelete`.
    ///
    /// Takes no lock once the key was promoted. When a growing map's table has more than five places a key, it
    /// tries to take the lock, without waiting, for some short steps towards a smaller table, which is then
    /// allocated. A key that was inserted recently takes the lock for a moment: from a handler that must not
    /// wait, [`try_remove`](Self::try_remove). A `FixedMap` tries to take the lock, without waiting, to make the
    /// memory available for another key.
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([("tea", 3)]);
    /// assert_eq!(map.remove("tea").as_deref(), Some(&3));
    /// assert!(map.remove("tea").is_none());
    /// ```
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
    /// [`WouldBlock`] when the key is not among those that can be found without the lock, and the lock is
    /// held. (In a `FixedMap`, never.)
    ///
    /// ```
    /// let map = twinmap::SyncMap::from([("tea", 3)]);
    /// map.promote();
    /// assert_eq!(map.try_remove("tea")?.as_deref(), Some(&3)); // Known: whoever has the lock.
    /// # Ok::<(), twinmap::WouldBlock>(())
    /// ```
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
        let mut eq = |k: &K| key.equivalent(k);
        #[cfg(small)] // One type of `eq`, one function.
        let eq: &mut dyn FnMut(&K) -> bool = &mut eq;
        #[cfg(not(small))]
        let eq = &mut eq;
        let old = match self.core.remove::<A>(&pin, hash, eq) {
            Err(why) => self.core.remove_again::<A>(&pin, hash, why, eq),
            Ok(old) => Ok(old),
        };
        match old.map(|old| old.map(Unlinked::into_node)) {
            // SAFETY: it is ours, and was unlinked under this pin.
            Ok(Some(node)) => Ok(Some(unsafe { Ref::unlinked(&self.core, node, pin) })),
            other => {
                self.finish(pin);
                other.map(|_| None)
            }
        }
    }

    /// Mutable access to the value of a key. Cost as [`iter_mut`](Self::iter_mut). Readers do not exist
    /// while the map is borrowed mutably.
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
