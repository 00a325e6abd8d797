//! The map of a fixed capacity: what `TwinMap` does inside its own memory.

use core::hash::{BuildHasher, Hash};

use equivalent::Equivalent;
use mutex_traits::ScopedRawMutex;
use rustc_hash::FxBuildHasher;

use crate::error::{ErrorKind, InsertError};
use crate::guard::Ref;
use crate::lock::{SpinLock, Wait};
use crate::pinned::Pinned;
use crate::storage::Inline;
use crate::twin_map::TwinMap;

/// A concurrent hash map of at most `N` keys, without an allocator: all of its memory is inside.
///
/// What is here needs memory; all other operations are those of [`TwinMap`].
///
/// It does what `SyncMap` does, with the same guarantees, and more: every key is known as soon as it was inserted, so
/// looking one up, also one that is not there, overwriting and iterating never take the lock, from `main`, from an
/// interrupt handler, from a task or from another core. Removing tries it, and does not need it. What needs memory
/// returns a `Result`, and the error hands key and value back. No call ever waits for a reader.
///
/// ```
/// use twinmap::{ErrorKind, FixedMap};
///
/// static LIMITS: FixedMap<u16, i32, 2> = FixedMap::new();
///
/// LIMITS.insert(7, 100)?;
/// LIMITS.insert(8, 200)?;
/// assert_eq!(LIMITS.get(&7).as_deref(), Some(&100));
///
/// let rejected = LIMITS.insert(9, 300).unwrap_err();
/// assert_eq!((rejected.kind, rejected.key, rejected.value), (ErrorKind::Full, 9, 300));
/// LIMITS.remove(&7);
/// LIMITS.insert(9, 300)?;
/// # Ok::<(), twinmap::InsertError<u16, i32>>(())
/// ```
///
/// `N` and `SPARE` are any numbers from 1 up; `N + SPARE` is at most 32,767:
///
/// ```compile_fail,E0080
/// let map = twinmap::FixedMap::<u32, u32, 0>::new(); // FixedMap: N, the number of keys, must be at least 1
/// ```
///
/// # How many spares
///
/// Every sequence of operations in which at most `N` keys are live is accepted, as long as nobody is pinned: removing
/// one key and inserting another for ever, too, when the map is full. A value that is overwritten or removed while
/// somebody is pinned keeps its memory until the pin is gone; this is what the `SPARE` further cells are for. So
/// `SPARE` is the number of overwrites and removals that may happen during the longest pin, plus one for each context
/// that may be in the middle of a write at the same time. (Where several contexts hold pins that overlap, up to five
/// times as many: what is unlinked while one grace period is under way may wait for the next one, and each takes as
/// long as two pins, one after the other, or as three, if it was extended.) A pin is a [`Pinned`] guard, a [`Ref`], an
/// iterator; each operation is pinned too while it runs, for instance while an interrupt handler preempts it. When the
/// spares are used up, a write gives [`ErrorKind::Busy`]: nothing is lost, and after the pin is gone it succeeds.
/// Finding that out takes a look at each cell, some times over: more than the write itself, on a Cortex-M3 some 50
/// instructions for each cell, and 160 for a new key. A handler that interrupted the reader should not repeat it at
/// once, for the reader goes on only when the handler returns; and if handlers come so often that each comes before the
/// one before has found out, the reader never goes on. On another core, or in another thread, one may try again at once.
///
/// The default of 4 suits a program whose `main` looks values up and copies them, and whose handlers of up to three
/// priorities write one value each. A handler that may write a hundred values while `main` iterates asks for a hundred.
/// (Or for a `main` that iterates over copies.) Threads that are preempted while pinned, by others that write as fast
/// as they can, can use up any number: on a host a `SyncMap` is the better choice, or a reader that copies.
///
/// A guard that a write returned owns what it took out: forgotten (`mem::forget`), it takes one spare with it for good;
/// and like any guard that is forgotten it stays pinned, so that the map is `Busy` once its spares are used up.
///
/// Besides, [`clear`](TwinMap::clear) gives up the table, of which there are two: when a map that was filled again is
/// cleared a second time under one pin, new keys are `Busy` until that pin is gone.
///
/// # Size and cost
///
/// On a 32-bit core a map of 32-bit keys and values takes 152 bytes, and 28 for each of its `N + SPARE` cells: 8 for a
/// value and its link, 12 for a key and its slot and link, 8 for its places in two tables. A `static` one is all zeros
/// at first, and takes no flash.
///
/// Everything is done in constant time on average (`clear`, what iterates, and a write that is `Busy`, in time
/// proportional to the map's size), however full the map is and however many keys have come and gone: a new key is put
/// into the table in its place, and a removed one is taken out of it, each in one short section under the lock, which
/// goes along one chain of the hash table: as many chains as cells, so one entry or two, rarely more than six. A
/// removal only tries the lock. When somebody else has it, the key's entry stays in the table, with the key, until the
/// same key comes back, or a new key finds no memory and has all that were left there taken out, which takes a walk
/// through the map; [`promote`](TwinMap::promote) does that ahead.
///
/// Of a hash, the lowest 15 bits are used, as a fraction: a hasher that returns small keys as they
/// are puts them all in one place.
///
/// The map may be moved as long as it is not borrowed. It is as large as said above, so on a small stack make
/// it where it stays: in a `static`.
pub type FixedMap<K, V, const N: usize, L = SpinLock, const SPARE: usize = 4, S = FxBuildHasher> =
    TwinMap<K, V, Inline<K, V, N, SPARE>, L, S>;

impl<K, V, const N: usize, L, const SPARE: usize, S> FixedMap<K, V, N, L, SPARE, S> {
    /// How many keys there may be: `N`.
    ///
    /// ```
    /// assert_eq!(twinmap::FixedMap::<u8, u8, 10>::new().capacity(), 10);
    /// ```
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Whether there are as many keys as there may be. As [`len`](Self::len).
    ///
    /// ```
    /// let map = twinmap::FixedMap::<u8, u8, 1>::new();
    /// assert!(!map.is_full());
    /// map.insert(1, 1)?;
    /// assert!(map.is_full());
    /// # Ok::<(), twinmap::InsertError<u8, u8>>(())
    /// ```
    pub fn is_full(&self) -> bool {
        self.len() == N
    }
}

impl<K, V, const N: usize, L, const SPARE: usize, S> Pinned<'_, FixedMap<K, V, N, L, SPARE, S>> {
    /// How many keys there may be, `N`: [`FixedMap::capacity`](TwinMap::capacity).
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Whether there are as many keys as there may be: [`FixedMap::is_full`](TwinMap::is_full).
    pub fn is_full(&self) -> bool {
        self.map.is_full()
    }
}

/// What may need memory, of which there is no more than `N` keys need and the spares.
impl<K, V, const N: usize, L, const SPARE: usize, S> FixedMap<K, V, N, L, SPARE, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// Sets the value of a key; returns the one that it had.
    ///
    /// Overwriting a value takes no lock. A new key takes the lock for a moment.
    ///
    /// # Errors
    ///
    /// With key and value inside: [`ErrorKind::Full`] when `N` other keys are there, and never else;
    /// [`ErrorKind::Busy`] when there is room, but somebody who is pinned still uses it, or when one of `N` other keys
    /// is being removed just now. The map is as it was.
    ///
    /// ```
    /// let map = twinmap::FixedMap::<_, _, 8>::new();
    /// assert!(map.insert(37, "a")?.is_none());
    /// assert_eq!(map.insert(37, "b")?.as_deref(), Some(&"a"));
    /// # Ok::<(), twinmap::InsertError<i32, &str>>(())
    /// ```
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Result<Option<Ref<'_, K, V>>, InsertError<K, V>> {
        self.insert_with::<Wait>(key, value)
    }

    /// The value of a key, after inserting `value` if there was none. Go's `LoadOrStore`.
    ///
    /// When the key is there this costs what [`get`](Self::get) does, else what [`insert`](Self::insert) does.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), when the key is not there.
    ///
    /// ```
    /// let map = twinmap::FixedMap::<_, _, 8>::new();
    /// assert_eq!(*map.get_or_insert("k", 1)?, 1);
    /// assert_eq!(*map.get_or_insert("k", 2)?, 1);
    /// # Ok::<(), twinmap::InsertError<&str, i32>>(())
    /// ```
    pub fn get_or_insert(&self, key: K, value: V) -> Result<Ref<'_, K, V>, InsertError<K, V>> {
        self.get_or_insert_with(key, || value)
    }

    /// The value of a key, after inserting what `f` returns if there was none.
    ///
    /// `f` is called at most once, without the lock. If another thread inserts the key meanwhile, its value is returned
    /// and the one of `f` is dropped.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), when the key is not there; what `f` returned is inside.
    ///
    /// ```
    /// let map = twinmap::FixedMap::<_, _, 8>::new();
    /// assert_eq!(*map.get_or_insert_with("k", || 6 * 7)?, 42);
    /// assert_eq!(*map.get_or_insert_with("k", || unreachable!())?, 42);
    /// # Ok::<(), twinmap::InsertError<&str, i32>>(())
    /// ```
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> Result<Ref<'_, K, V>, InsertError<K, V>> {
        self.find_or_insert(key, f)
    }

    /// Replaces the value of a key by what `f` makes of it; returns the new value, or `None` if the key is absent.
    ///
    /// `f` is called without the lock, and again when another write came in between. Cost as
    /// [`insert`](Self::insert) of a key that is there. (What is added to an atomic inside of the old value
    /// meanwhile is lost: count in one or the other way.)
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`] when there is no memory beside the old value; `f` was not called then.
    ///
    /// ```
    /// let map = twinmap::FixedMap::<_, _, 8>::new();
    /// map.insert("frames", 41)?;
    /// assert_eq!(map.update("frames", |n| n + 1).unwrap().as_deref(), Some(&42));
    /// assert!(map.update("errors", |n| n + 1).unwrap().is_none());
    /// # Ok::<(), twinmap::InsertError<&str, i32>>(())
    /// ```
    pub fn update<Q>(&self, key: &Q, f: impl FnMut(&V) -> V) -> Result<Option<Ref<'_, K, V>>, ErrorKind>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.update_with(key, f)
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
    /// # Errors
    ///
    /// As [`insert`](Self::insert), with key and value inside.
    ///
    /// ```
    /// static FRAMES: twinmap::FixedMap<u32, u32, 16> = twinmap::FixedMap::new();
    ///
    /// fn count(id: u32) -> Result<(), twinmap::ErrorKind> {
    ///     FRAMES.update_or_insert(id, |count| count + 1, 1)?;
    ///     Ok(())
    /// }
    /// count(0x244)?;
    /// count(0x244)?;
    /// assert_eq!(FRAMES.get(&0x244).as_deref(), Some(&2));
    /// # Ok::<(), twinmap::ErrorKind>(())
    /// ```
    pub fn update_or_insert(
        &self,
        key: K,
        f: impl FnMut(&V) -> V,
        value: V,
    ) -> Result<Ref<'_, K, V>, InsertError<K, V>> {
        self.update_or_insert_with::<Wait>(key, f, value)
    }
}

/// What may need memory. The guard itself keeps what is unlinked under it from being used again, and so can be
/// the reason for [`ErrorKind::Busy`]: then another guard, or the same call on the map.
impl<K, V, const N: usize, L, const SPARE: usize, S> Pinned<'_, FixedMap<K, V, N, L, SPARE, S>>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    /// Sets the value of a key, and returns the one that it had: [`FixedMap::insert`](TwinMap::insert).
    ///
    /// # Errors
    ///
    /// With key and value inside: `Full` when `N` other keys are there, `Busy` when there is room, but
    /// somebody who is pinned still uses it.
    pub fn insert(&self, key: K, value: V) -> Result<Option<&V>, InsertError<K, V>> {
        self.insert_with::<Wait>(key, value)
    }

    /// The value of a key, after inserting `value` if there was none:
    /// [`FixedMap::get_or_insert`](TwinMap::get_or_insert).
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), when the key is not there.
    pub fn get_or_insert(&self, key: K, value: V) -> Result<&V, InsertError<K, V>> {
        self.get_or_insert_with(key, || value)
    }

    /// The value of a key, after inserting what `f` returns if there was none:
    /// [`FixedMap::get_or_insert_with`](TwinMap::get_or_insert_with).
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), when the key is not there; what `f` returned is inside.
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> Result<&V, InsertError<K, V>> {
        self.find_or_insert(key, f)
    }

    /// Replaces the value of a key by what `f` makes of it; returns the new value, or `None` if the key is absent:
    /// [`FixedMap::update`](TwinMap::update).
    ///
    /// # Errors
    ///
    /// `Busy` when there is no memory beside the old value.
    pub fn update<Q>(&self, key: &Q, f: impl FnMut(&V) -> V) -> Result<Option<&V>, ErrorKind>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.update_with(key, f)
    }

    /// Replaces the value of a key by what `f` makes of it, or inserts `value` if there is none:
    /// [`FixedMap::update_or_insert`](TwinMap::update_or_insert).
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), with key and value inside.
    pub fn update_or_insert(&self, key: K, f: impl FnMut(&V) -> V, value: V) -> Result<&V, InsertError<K, V>> {
        self.update_or_insert_with::<Wait>(key, f, value)
    }
}
