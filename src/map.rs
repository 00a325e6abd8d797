//! The algorithm: what each operation does with `read`, `dirty` and the entries.
//!
//! `read` is an immutable table behind an atomic pointer; it is probed without a lock. `dirty` is a second
//! table that new keys go into, under the lock (module [`dirty`](crate::dirty)); from time to time it is *promoted*: it
//! becomes `read` by one store. Both tables lead to the same entries, and an entry's value is one atomic word. This is
//! the algorithm of Go's `sync.Map` (as in Go 1.9 to 1.23) with reclamation, an incremental copy and a terminal
//! EXPUNGED added. It is written once, over the trait [`Storage`].
//!
//! Where memory is limited, `read` is written in place, and there never is a `dirty`; all else is the same: module
//! [`in_place`](crate::in_place).
//!
//! # The word `read`
//!
//! The lowest bit of the pointer is the flag `amended`: there is a `dirty`, and a key that this table does not have may
//! be in there. Pointer and flag are one word, so that "absent and not amended" speaks of one moment. The flag goes
//! from false to true for a table, and back only when no key was added to `dirty` in between.
//!
//! # Invariants
//!
//! 1. Of the entries of one key that `read` and `dirty` lead to, at most one is not EXPUNGED.
//! 2. An EXPUNGED entry is not in `dirty`.
//! 3. While there is a `dirty`: of the buckets of `read`, those before the cursor hold entries that are in `dirty` or
//!    EXPUNGED, the others hold entries that are not in `dirty`.
//! 4. Not amended: there is no `dirty`, and nothing in `read` is EXPUNGED (with a limit:
//!    outside of a section under the lock).
//! 5. An entry is counted as long as it is live, and a little longer: module [`count`](crate::count).
//! 6. While amended, a DELETED entry of `read` becomes live under the lock only, but for stores that were on their
//!    way when `amended` was set; those are counted already ([`revive_unlocked`](Core::revive_unlocked)).
//!
//! # Linearization
//!
//! An operation acts where it reads or changes the slot of the entry that it found, or where it loads the word `read`
//! or holds the lock and finds no entry; or, in a table that is written in place, at some moment while it looked. Two
//! cases need a word. An entry that is DELETED or EXPUNGED when its slot is read was absent at some moment since the
//! operation began, whatever happened to its key since. An entry that was found in a table which [`clear`](Core::clear)
//! has detached is read and written as if right before the clear: the operation began before it, and the clear has not
//! returned, for it leaves no entry that is not EXPUNGED.

use core::marker::PhantomData;
use core::mem::{ManuallyDrop, offset_of};
use core::ptr::{self, NonNull};

use mutex_traits::ScopedRawMutex;

use crate::count::Count;
use crate::dirty::Dirty;
use crate::entry::{Entry, Node, State};
use crate::garbage::{Collector, Effort, join};
use crate::lock::{Acquire, Try};
use crate::readers::{Pin, Readers};
use crate::stats::Counters;
use crate::storage::{Index, Storage, Table, new_storage, resolve};
use crate::sync::{AtomicPtr, AtomicUsize, ExclusiveCell, Ordering, const_fn};

/// A map over some storage, without a hasher: its callers bring the hash.
pub(crate) struct Core<K, V, St: Storage<K, V>, L> {
    /// The table, and the flag `amended` in bit 0. Every access is SeqCst: see invariant 4 of the module `entry`.
    pub(crate) read: AtomicPtr<Table<St::Index>>,
    pub(crate) count: Count<St>,
    pub(crate) promotions: AtomicUsize,
    /// The buckets of the larger one of the two tables; written under the lock.
    pub(crate) buckets: AtomicUsize,
    pub(crate) readers: Readers,
    pub(crate) garbage: Collector<K, V, St::Index>,
    pub(crate) storage: St,
    pub(crate) counters: Counters,
    lock: L,
    /// What the lock protects.
    pub(crate) dirty: ExclusiveCell<Dirty<K, V, St::Index>>,
}

// SAFETY: the map owns keys and values; all else in it is atomic or under the lock.
unsafe impl<K: Send, V: Send, St: Storage<K, V>, L: Send> Send for Core<K, V, St, L> {}
// SAFETY: through a shared map another thread gets `&K` and `&V`, inserts and drops keys
// and values, and takes the lock.
unsafe impl<K: Send + Sync, V: Send + Sync, St: Storage<K, V>, L: Sync> Sync for Core<K, V, St, L> {}

/// The word `read` as it was at one moment, under a pin.
pub(crate) struct Snapshot<'p, I> {
    pub(crate) word: *mut Table<I>,
    pub(crate) table: Option<&'p Table<I>>,
}

impl<I> Clone for Snapshot<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Snapshot<'_, I> {}

impl<I> Snapshot<'_, I> {
    #[inline(always)]
    pub(crate) fn amended(self) -> bool {
        self.word.addr() & 1 != 0
    }

    pub(crate) fn buckets<E>(&self) -> usize
    where
        I: Index<E>,
    {
        self.table.map_or(0, |table| table.index().buckets())
    }

    pub(crate) fn is_table_of(&self, other: Self) -> bool {
        self.word.addr() ^ other.word.addr() <= 1
    }
}

/// What an insertion does with a value that is there already.
#[derive(Clone, Copy)]
pub(crate) enum OnLive {
    Replace,
    Keep,
    /// The input comes back, for another attempt at what it is for.
    Return,
}

/// What an insertion found and did.
pub(crate) enum Inserted<V> {
    /// The key was absent; it has this node now.
    New(*mut Node<V>),
    /// The key had this node, which is unlinked, and the caller's to retire.
    Replaced(*mut Node<V>),
    /// The key has this node.
    Kept(*mut Node<V>),
}

/// A node that its owner took out of a slot; retired when dropped.
///
/// Whoever has nothing else in sight at its end retires it; a [`Ref`](crate::Ref) takes it over
/// and has a better moment for it.
pub(crate) struct Unlinked<'p, K, V, St: Storage<K, V>, L> {
    core: &'p Core<K, V, St, L>,
    node: *mut Node<V>,
}

impl<'p, K, V, St: Storage<K, V>, L> Unlinked<'p, K, V, St, L> {
    /// # Safety
    ///
    /// The caller took the node out of a slot (invariant 2 of the module `entry`), under
    /// a pin that is there during `'p`.
    pub(crate) unsafe fn new(core: &'p Core<K, V, St, L>, node: *mut Node<V>) -> Self {
        Self { core, node }
    }

    /// Its value, which is there as long as the pin.
    pub(crate) fn value(&self) -> &'p V {
        // SAFETY: unlinked under the pin.
        unsafe { self.core.value(self.node) }
    }

    /// Sends the entry where this goes.
    ///
    /// # Safety
    ///
    /// The node was in the slot of this entry, and no table leads to the entry any more; it is the caller's to retire.
    pub(crate) unsafe fn join(&self, entry: *mut Entry<K, V>) {
        // SAFETY: both are the caller's to retire.
        unsafe { join(&self.core.storage, self.node, entry) };
    }

    /// Hands over the duty to retire it.
    pub(crate) fn into_node(self) -> *mut Node<V> {
        ManuallyDrop::new(self).node
    }
}

impl<K, V, St: Storage<K, V>, L> Drop for Unlinked<'_, K, V, St, L> {
    fn drop(&mut self) {
        // SAFETY: its owner alone may retire it.
        unsafe { self.core.garbage.retire_node(&self.core.storage, &self.core.readers, self.node) };
    }
}

/// An entry that its owner took out of `dirty`, which alone led to it; its removal has
/// begun, and ends when this is dropped.
///
/// (So it is also where a lock panics on the way out.)
pub(crate) struct TakenOut<'p, K, V, St: Storage<K, V>, L> {
    core: &'p Core<K, V, St, L>,
    entry: *mut Entry<K, V>,
}

impl<'p, K, V, St: Storage<K, V>, L> TakenOut<'p, K, V, St, L> {
    /// # Safety
    ///
    /// The caller took the entry out of the last table that led to it, under a pin that is there during `'p`.
    pub(crate) unsafe fn new(core: &'p Core<K, V, St, L>, entry: *mut Entry<K, V>) -> Self {
        Self { core, entry }
    }

    /// Ends the removal, and gives what the entry held.
    pub(crate) fn end(self) -> Option<Unlinked<'p, K, V, St, L>> {
        // SAFETY: it is not dropped.
        unsafe { ManuallyDrop::new(self).retire() }
    }

    /// # Safety
    ///
    /// To be called once.
    unsafe fn retire(&self) -> Option<Unlinked<'p, K, V, St, L>> {
        let Self { core, entry } = *self;
        // SAFETY: no table leads to the entry, and who took it out kills and retires it, once (the
        // caller's promise). The pin is there.
        unsafe {
            let old = core.kill(entry);
            core.count.end_removal(usize::from(old.is_some()));
            core.garbage.retire_entry(&core.storage, &core.readers, entry);
            old
        }
    }
}

impl<K, V, St: Storage<K, V>, L> Drop for TakenOut<'_, K, V, St, L> {
    fn drop(&mut self) {
        // SAFETY: `end` has not been called.
        drop(unsafe { self.retire() });
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    const_fn! {
        pub(crate) fn new(lock: L) -> Self {
            Self {
                read: AtomicPtr::new(ptr::null_mut()),
                count: Count::new(),
                promotions: AtomicUsize::new(0),
                buckets: AtomicUsize::new(0),
                readers: Readers::new(),
                garbage: Collector::new(),
                storage: new_storage(),
                counters: Counters::new(),
                lock,
                dirty: ExclusiveCell::new(Dirty::new()),
            }
        }
    }

    #[inline]
    pub(crate) fn pin(&self) -> Pin<'_> {
        self.readers.pin()
    }

    /// Frees what can be freed now.
    #[inline]
    pub(crate) fn collect(&self, effort: Effort) {
        self.garbage.collect(&self.storage, &self.readers, effort);
        self.end_of_write();
    }

    /// Whether there was a `dirty` at that moment. With a limit there never is.
    #[inline(always)]
    pub(crate) fn is_amended(&self, read: Snapshot<'_, St::Index>) -> bool {
        St::LIMIT.is_none() && read.amended()
    }

    /// Loads the word `read`.
    #[inline(always)]
    pub(crate) fn snapshot<'p>(&'p self, _pin: &'p Pin<'_>) -> Snapshot<'p, St::Index> {
        let word = self.read.load(Ordering::SeqCst);
        // SAFETY: under a pin, a table that was in `read` is not freed.
        Snapshot { word, table: unsafe { self.table(word) } }
    }

    /// The table in a word.
    ///
    /// # Safety
    ///
    /// The word was loaded from `read` under a pin that is still there, or the caller holds the lock.
    #[inline(always)]
    pub(crate) unsafe fn table(&self, word: *mut Table<St::Index>) -> Option<&Table<St::Index>> {
        let table = word.map_addr(|addr| addr & !1);
        // SAFETY: a table in `read` is immutable, or atomic; the caller sees to it that it is not freed.
        (!table.is_null()).then(|| unsafe { &*self.storage.locate(table) })
    }

    /// The entry behind a handle.
    ///
    /// # Safety
    ///
    /// The handle came, under the pin, from a table or from the lock's state.
    #[inline(always)]
    pub(crate) unsafe fn entry(&self, handle: *mut Entry<K, V>) -> &Entry<K, V> {
        // SAFETY: under a pin, an entry that a table led to is not freed.
        unsafe { resolve(&self.storage, handle) }
    }

    /// Keeps the hash of a new entry, so that copying and unlinking call no user code and do not touch the key. It is
    /// kept in the link: lists have no use for that before the entry is EXPUNGED, or out of all tables.
    ///
    /// # Safety
    ///
    /// The entry is the caller's, and in no table yet.
    pub(crate) unsafe fn keep_hash(&self, entry: *mut Entry<K, V>, hash: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.storage.set_next(entry, ptr::without_provenance_mut(hash)) };
    }

    /// The hash of an entry in a table that is not EXPUNGED, or as many of its lowest bits as an index uses. (Of
    /// another entry it may be anything.)
    ///
    /// # Safety
    ///
    /// The handle is an entry's, which is not freed.
    pub(crate) unsafe fn hash_of(&self, entry: *mut Entry<K, V>) -> usize {
        // SAFETY: the caller's promise.
        unsafe { self.storage.next(entry) }.addr()
    }

    /// The value in a node.
    ///
    /// # Safety
    ///
    /// The node came, under the pin `'p`, from the slot of an entry, or was put there by the caller.
    #[inline(always)]
    pub(crate) unsafe fn value(&self, node: *mut Node<V>) -> &V {
        // SAFETY: under a pin, a node that was in a slot is not freed.
        unsafe { &resolve(&self.storage, node).value }
    }

    /// Where the value in a node is; with it, the node can be found again.
    ///
    /// # Safety
    ///
    /// As for [`value`](Self::value).
    #[inline(always)]
    pub(crate) unsafe fn value_at(&self, node: *mut Node<V>) -> NonNull<V> {
        // SAFETY: as in `value`; it is not null, for an object is there.
        unsafe { NonNull::new_unchecked(&raw mut (*self.storage.locate(node)).value) }
    }

    /// Ends a write that unlinked a node, under a pin that is gone.
    ///
    /// # Safety
    ///
    /// `value` is from [`value_at`](Self::value_at) and its node is the caller's to retire.
    #[inline]
    pub(crate) unsafe fn end(&self, value: NonNull<V>) {
        // SAFETY: the caller's promise.
        unsafe {
            let node = value.as_ptr().byte_sub(offset_of!(Node<V>, value)).cast();
            self.garbage.free_or_retire(&self.storage, &self.readers, self.storage.handle_at(node));
        }
        self.end_of_write();
    }

    #[inline(always)]
    fn end_of_write(&self) {
        self.counters.at_end_of_write(|| (self.count.get(), self.garbage.garbage(&self.readers)));
    }

    /// Probes one table.
    #[inline]
    pub(crate) fn probe(
        &self,
        table: &Table<St::Index>,
        hash: usize,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<*mut Entry<K, V>> {
        // SAFETY: the table leads to the entry, or did so since the caller's pin.
        table.index().find(hash, |handle| eq(unsafe { &resolve(&self.storage, handle).key }))
    }

    /// As [`probe`](Self::probe), once for all that is rarely done, or done under the lock: inlined it is the
    /// largest part of most operations.
    #[cfg_attr(not(small), inline(never))]
    pub(crate) fn probe_outlined(
        &self,
        table: Option<&Table<St::Index>>,
        hash: usize,
        eq: &mut dyn FnMut(&K) -> bool,
    ) -> Option<*mut Entry<K, V>> {
        self.probe(table?, hash, eq)
    }

    /// The entry of a key in one table, whatever its state.
    #[inline]
    pub(crate) fn lookup<'p>(
        &'p self,
        _pin: &'p Pin<'_>,
        table: Option<&'p Table<St::Index>>,
        hash: usize,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<&'p Entry<K, V>> {
        // SAFETY: from a table, under the pin.
        Some(unsafe { self.entry(self.probe(table?, hash, eq)?) })
    }
}

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    /// Takes the lock and runs `f` on what it protects; then moves the copy on by a step, if there is one to do.
    #[inline]
    pub(crate) fn locked<A: Acquire, R>(
        &self,
        f: impl FnOnce(&mut Dirty<K, V, St::Index>) -> R,
    ) -> Result<R, A::Error> {
        let (result, due) = self.section::<A, _>(|dirty| {
            let result = f(dirty);
            // (Compiled for size, the step finds out itself.)
            (result, St::LIMIT.is_none() && (cfg!(small) || dirty.is_due(&self.storage)))
        })?;
        if due {
            self.step_locked();
        }
        Ok(result)
    }

    #[inline(never)]
    fn step_locked(&self) {
        // When somebody else has the lock now, that is who may do a step; who cannot go on
        // without one waits for it (`advance`).
        let _ = self.section::<Try, _>(|dirty| self.step(dirty));
    }

    /// Takes the lock and runs `f` on what it protects.
    #[inline(always)]
    pub(crate) fn section<A: Acquire, R>(
        &self,
        f: impl FnOnce(&mut Dirty<K, V, St::Index>) -> R,
    ) -> Result<R, A::Error> {
        A::lock(&self.lock, || {
            self.counters.locked();
            // SAFETY: the lock is held, and refuses its own holder (`lock.rs`): one `&mut` at a time.
            self.dirty.with_mut(|dirty| f(unsafe { &mut *dirty }))
        })
    }

    /// Finds the entry of a key, one that was not EXPUNGED: in `read` without a lock, else in `dirty` under the lock.
    #[inline]
    pub(crate) fn find<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Result<Option<&'p Entry<K, V>>, A::Error> {
        let read = self.snapshot(pin);
        match self.lookup(pin, read.table, hash, &mut eq) {
            Some(entry) if !entry.is_expunged() => Ok(Some(entry)),
            _ if !self.is_amended(read) => Ok(None),
            _ => self.find_locked::<A>(pin, read, hash, &mut eq),
        }
    }

    /// The slow path of [`find`](Self::find).
    #[cfg_attr(not(small), cold)]
    fn find_locked<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        seen: Snapshot<'p, St::Index>,
        hash: usize,
        eq: &mut dyn FnMut(&K) -> bool,
    ) -> Result<Option<&'p Entry<K, V>>, A::Error> {
        let handle = self.locked::<A, _>(|dirty| {
            // `read` may have changed before the lock was taken; a table that was probed need not be probed again.
            let read = self.snapshot(pin);
            let in_read = if read.is_table_of(seen) { None } else { self.probe_outlined(read.table, hash, eq) };
            // SAFETY: from a table, under the pin.
            in_read.filter(|&handle| !unsafe { self.entry(handle) }.is_expunged()).or_else(|| {
                dirty.miss();
                self.probe_outlined(dirty.table(&self.storage), hash, eq)
            })
        })?;
        // SAFETY: from a table, under the pin.
        Ok(handle.map(|handle| unsafe { self.entry(handle) }))
    }

    /// Looks a key up.
    #[inline]
    pub(crate) fn get<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        eq: impl Fn(&K) -> bool + Copy,
    ) -> Result<Option<(&'p K, &'p V)>, A::Error> {
        let read = self.snapshot(pin);
        // `find`, but a hit returns here: what becomes of a miss shares no code with it, and costs it nothing.
        if let Some(entry) = self.lookup(pin, read.table, hash, eq) {
            match entry.state() {
                State::Live(node) => {
                    self.counters.hit();
                    // SAFETY: from the slot, under the pin.
                    return Ok(Some((&entry.key, unsafe { self.value(node) })));
                }
                State::Deleted => {
                    self.counters.miss();
                    return Ok(None);
                }
                State::Expunged => {}
            }
        }
        if self.is_amended(read) {
            if let Some(entry) = self.find_locked::<A>(pin, read, hash, &mut { eq })? {
                if let State::Live(node) = entry.state() {
                    self.counters.hit();
                    // SAFETY: as above.
                    return Ok(Some((&entry.key, unsafe { self.value(node) })));
                }
            }
        }
        self.counters.miss();
        Ok(None)
    }
}

/// The live entries of a table that was `read` under a pin.
pub(crate) struct Walk<'p, K, V, St: Storage<K, V>> {
    storage: &'p St,
    table: Option<&'p Table<St::Index>>,
    /// The next bucket, and the next entry in the one before.
    next: usize,
    at: Option<*mut Entry<K, V>>,
    _entries: PhantomData<(&'p K, &'p V)>,
}

impl<'p, K, V, St: Storage<K, V>> Walk<'p, K, V, St> {
    /// # Safety
    ///
    /// The table was `read` under a pin that is there during `'p`, or access is exclusive.
    pub(crate) unsafe fn new(storage: &'p St, table: Option<&'p Table<St::Index>>) -> Self {
        Self { storage, table, next: 0, at: None, _entries: PhantomData }
    }

    pub(crate) fn storage(&self) -> &'p St {
        self.storage
    }

    /// How many entries are yet to be looked at, at most.
    fn left(&self) -> usize {
        self.table.map_or(0, |table| match St::LIMIT {
            Some(_) => table.index().len(),
            None => table.index().len().min(table.index().buckets() - self.next),
        })
    }

    pub(crate) fn next_node(&mut self) -> Option<(&'p K, *mut Node<V>)> {
        let index = self.table?.index();
        loop {
            let handle = match self.at {
                // (Without a limit, a bucket has one entry at most.)
                Some(handle) if St::LIMIT.is_some() => Some(handle),
                _ if self.next < index.buckets() => {
                    self.next += 1;
                    index.bucket(self.next - 1)
                }
                _ => return None,
            };
            let Some(handle) = handle else { continue };
            if St::LIMIT.is_some() {
                // SAFETY: it was found in there.
                self.at = unsafe { index.after(handle) };
            }
            // SAFETY: from the table, under the pin.
            let entry = unsafe { resolve(self.storage, handle) };
            if let State::Live(node) = entry.state() {
                return Some((&entry.key, node));
            }
        }
    }
}

impl<'p, K, V, St: Storage<K, V>> Iterator for Walk<'p, K, V, St> {
    type Item = (&'p K, &'p V);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, node) = self.next_node()?;
        // SAFETY: from the slot, under the pin.
        Some((key, unsafe { &resolve(self.storage, node).value }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left()))
    }
}

impl<K, V, St: Storage<K, V>> Clone for Walk<'_, K, V, St> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<K, V, St: Storage<K, V>, L> Drop for Core<K, V, St, L> {
    fn drop(&mut self) {
        self.empty();
    }
}
