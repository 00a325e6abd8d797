//! What the lock protects: `dirty`, the incremental copy that fills it, and its promotion.
//!
//! # The life of a `dirty`
//!
//! 1. *Seal*: the first new key after a promotion allocates an empty table and sets `amended` in the word `read`.
//! 2. *Copy*: each operation that holds the lock moves the cursor over the next [`copy_step`] buckets of `read`: live
//!    entries go into `dirty` by the hash they keep, DELETED ones become EXPUNGED and are noted in a list. (Go copies the
//!    whole map at once.) Calls that need the copy to be complete take the lock again and again for one step each.
//! 3. *Promote*: with the cursor at the end, and as many misses as `dirty` has entries (where memory is limited, also no
//!    table retired that somebody still reads), or when it is full, or when it was asked for, `dirty` is stored into `read`. The old table and the list of expunged entries are retired as they are.
//!
//! No step depends on the number of entries, and none allocates but the seal.
//!
//! # Why `dirty` never fills up before the copy is complete
//!
//! Let B be the buckets of `read`, and U the count of keys read after `amended` was set. Afterwards an entry of `read` that was not
//! copied becomes live only by a store that was on its way; U counts it (invariants 5 and 6 of the module
//! [`map`](crate::map)). So at most min(U, entries of `read`) entries are copied. Every operation that adds a key adds one and
//! moves the cursor by `copy_step`: until the cursor is at the end, at most ⌈B / `copy_step`⌉ were added. The capacity chosen in
//! [`seal`](Core::seal) is the sum, and one more. Hence a full table is always one that can be promoted, and neither growth nor
//! tombstones ever rehash one under the lock. (Where the number of keys has a limit, a table takes all entries that there is memory
//! for, and is never full.) The size follows what is live: the next table is larger when
//! the map grew, of the same size under churn, and smaller when much was removed.

use core::ptr;

use crate::entry::{Entry, Node, State};
use crate::error::ErrorKind;
use crate::garbage::Chain;
use crate::map::{Core, Found, Snapshot};
use crate::readers::Pin;
use crate::storage::{Index, Pool, Reserved, Storage, Table};
use crate::sync::{Ordering, fence};

/// Buckets of `read` that one operation under the lock copies. The models' tables have four, or twelve where memory is limited:
/// there, a copy takes several operations too.
const fn copy_step(limit: Option<usize>) -> usize {
    match limit {
        _ if cfg!(not(loom)) => 8,
        None => 1,
        Some(_) => 4,
    }
}

/// What the lock protects.
pub(crate) struct Dirty<K, V, I> {
    /// Null when there is no `dirty`.
    table: *mut Table<I>,
    /// An empty table for the first `dirty`, of the size that was asked for when the map was made; or null.
    first: *mut Table<I>,
    /// The bucket of `read` that is copied next.
    cursor: usize,
    /// Operations that had to take the lock since the last promotion, for a key that is not in `read`.
    misses: usize,
    /// Promote as soon as the copy is complete.
    asked: bool,
    /// The entries of `read` that were expunged since the seal.
    expunged: Chain<Entry<K, V>>,
}

/// What an insertion did under the lock.
pub(crate) enum InsertOutcome<'p, K, V> {
    /// The key was absent, and is there now.
    New,
    /// The entry is there and live: the rest goes without the lock.
    Found(&'p Entry<K, V>),
    /// There is no room; nothing has changed.
    Rejected(ErrorKind),
}

/// What a removal did under the lock, for a key that has an entry.
pub(crate) enum Taken<'p, K, V> {
    /// The entry is in `read`: the rest goes without the lock.
    Shared(&'p Entry<K, V>),
    /// The entry was in `dirty` only, and is taken out of it; the removal has begun.
    Own(*mut Entry<K, V>),
}

/// The tables of a map that was emptied.
pub(crate) struct Detached<I> {
    pub(crate) read: *mut Table<I>,
    pub(crate) dirty: *mut Table<I>,
}

impl<K, V, I: Index<Entry<K, V>>> Dirty<K, V, I> {
    pub(crate) const fn new() -> Self {
        Self {
            table: ptr::null_mut(),
            first: ptr::null_mut(),
            cursor: 0,
            misses: 0,
            asked: false,
            expunged: Chain::new(),
        }
    }

    pub(crate) fn table<'a>(&'a self, storage: &'a impl Pool<Table<I>>) -> Option<&'a Table<I>> {
        // SAFETY: `dirty` is a table that the holder of the lock alone can reach.
        (!self.table.is_null()).then(|| unsafe { &*storage.locate(self.table) })
    }

    /// Counts an operation that needed the lock, for a key that is not in `read`.
    pub(crate) fn miss(&mut self) {
        // Saturating: while a promotion has to wait there can be any number.
        self.misses = self.misses.saturating_add(usize::from(!self.table.is_null()));
    }

    /// Has `dirty` promoted when its copy is complete, if there is one.
    pub(crate) fn ask_if_there(&mut self) {
        self.asked = !self.table.is_null();
    }

    fn table_mut<'a>(&'a mut self, storage: &'a impl Pool<Table<I>>) -> Option<&'a mut Table<I>> {
        // SAFETY: as in `table`.
        (!self.table.is_null()).then(|| unsafe { &mut *storage.locate(self.table) })
    }
}

/// Whether the table leads to this very entry. By its handle and the hash that it keeps: what `Eq` and `Hash` say must
/// not decide about memory.
pub(crate) fn leads_to<K, V, I>(table: Option<&Table<I>>, entry: &Entry<K, V>, handle: *mut Entry<K, V>) -> bool
where
    I: Index<Entry<K, V>>,
{
    table.is_some_and(|table| table.index().find(entry.hash, |other| other == handle).is_some())
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// The part of an insertion that needs the lock: `node`, if there is memory for one, becomes the value of the key, if
    /// the key is absent.
    ///
    /// Takes `key` and `memory` exactly when it returns [`InsertOutcome::New`] for a key without an entry.
    pub(crate) fn insert_locked<'p>(
        &'p self,
        dirty: &mut Dirty<K, V, St::Index>,
        pin: &'p Pin<'_>,
        hash: usize,
        key: &mut Option<K>,
        memory: &mut Option<Reserved<'_, Entry<K, V>, St>>,
        node: Option<*mut Node<V>>,
    ) -> InsertOutcome<'p, K, V>
    where
        K: Eq,
    {
        let read = self.snapshot(pin);
        let eq = |other: &K| key.as_ref() == Some(other);
        let in_read = read.table.and_then(|table| self.probe(table, hash, eq));
        let in_dirty = dirty.table(&self.storage).and_then(|table| self.probe(table, hash, eq));
        // No user code from here on.
        if let Some(handle) = in_dirty {
            if in_read.is_none() {
                dirty.miss();
            }
            // SAFETY: from `dirty`, under the lock and the pin.
            return self.revive_locked(unsafe { self.entry(handle) }, node);
        }
        if let Some(handle) = in_read {
            // SAFETY: from `read`, under the pin.
            let entry = unsafe { self.entry(handle) };
            // In `dirty` as well: that it was not found there is `Eq`'s or `Hash`'s fault.
            if !read.amended || leads_to(dirty.table(&self.storage), entry, handle) {
                return self.revive_locked(entry, node);
            }
            // If the entry is DELETED, the key gets a new one in `dirty`.
            match self.expunge(dirty, handle, entry) {
                State::Live(_) => return InsertOutcome::Found(entry),
                State::Deleted | State::Expunged => {}
            }
        }
        if !self.count.claim() {
            return InsertOutcome::Rejected(self.full_or_busy());
        }
        if memory.is_some() && node.is_some() && self.make_room(dirty, read) {
            if let (Some(table), Some(memory), Some(node), Some(key)) =
                (dirty.table_mut(&self.storage), memory.take(), node, key.take())
            {
                let entry = memory.fill(Entry::new(hash, key, node)).publish();
                self.add(table, hash, entry);
                return InsertOutcome::New;
            }
        }
        self.count.unclaim();
        InsertOutcome::Rejected(Self::NO_MEMORY)
    }

    /// DELETED → live, for an entry that stays in the tables it is in.
    fn revive_locked<'p>(&'p self, entry: &'p Entry<K, V>, node: Option<*mut Node<V>>) -> InsertOutcome<'p, K, V> {
        if let State::Live(_) = entry.state() {
            return InsertOutcome::Found(entry);
        }
        if !self.count.claim() {
            return InsertOutcome::Rejected(self.full_or_busy());
        }
        let revived = node.map(|node| entry.revive(node));
        if let Some(Ok(())) = revived {
            return InsertOutcome::New;
        }
        self.count.unclaim();
        if revived.is_some() { InsertOutcome::Found(entry) } else { InsertOutcome::Rejected(Self::NO_MEMORY) }
    }

    /// Why there is no room for a key that has just been found to be absent, under the lock.
    fn full_or_busy(&self) -> ErrorKind {
        if self.count.is_full() { ErrorKind::Full } else { Self::NO_MEMORY }
    }

    /// DELETED → EXPUNGED, for an entry of `read` that is not in `dirty`. Returns what the entry was.
    fn expunge(&self, dirty: &mut Dirty<K, V, St::Index>, handle: *mut Entry<K, V>, entry: &Entry<K, V>) -> State<V> {
        match entry.expunge() {
            Ok(()) => {
                // SAFETY: each entry is expunged once, so it is in no list yet.
                unsafe { dirty.expunged.push(&self.storage, handle) };
                State::Deleted
            }
            Err(state) => state,
        }
    }

    fn add(&self, table: &mut Table<St::Index>, hash: usize, entry: *mut Entry<K, V>) {
        debug_assert!(!table.index().is_full(), "see the module's documentation");
        table.index_mut().insert(hash, entry, |entry| self.hash_of(entry));
    }

    /// The hash of an entry in a table.
    pub(crate) fn hash_of(&self, entry: *mut Entry<K, V>) -> usize {
        // SAFETY: what is in a table is an entry.
        unsafe { (*self.storage.locate(entry)).hash }
    }

    /// Sees to it that there is a `dirty` with room for one more. `false`: no memory.
    fn make_room(&self, dirty: &mut Dirty<K, V, St::Index>, read: Snapshot<'_, St::Index>) -> bool {
        match dirty.table(&self.storage) {
            Some(table) if !table.index().is_full() => true,
            // Full, hence completely copied.
            Some(_) => {
                self.promote_locked(dirty);
                self.seal(dirty)
            }
            None => {
                debug_assert!(!read.amended);
                self.seal(dirty)
            }
        }
    }

    /// Starts a `dirty`. `false`: no memory; nothing has changed then.
    fn seal(&self, dirty: &mut Dirty<K, V, St::Index>) -> bool {
        let word = self.read.load(Ordering::SeqCst);
        // SAFETY: `read` changes under the lock only.
        let read = unsafe { self.table(word) };
        // `amended` first: a reader that does not see it must find nothing in `dirty`, and a store that revives without the
        // lock must either see it, or be counted in the `len` that is read next.
        self.read.store(word.map_addr(|addr| addr | 1), Ordering::SeqCst);
        // SeqCst: pairs with the fence in `revive_unlocked`.
        fence(Ordering::SeqCst);
        let live = self.count.get();
        let (entries, buckets) = read.map_or((0, 0), |read| (read.index().len(), read.index().buckets()));
        let capacity = entries.min(live) + buckets.div_ceil(copy_step(St::LIMIT)) + 1;
        dirty.table = if !dirty.first.is_null() {
            core::mem::replace(&mut dirty.first, ptr::null_mut())
        } else if let Some(table) = self.storage.table(capacity) {
            table.publish()
        } else {
            // Nothing was added to a `dirty` that does not exist.
            self.read.store(word, Ordering::SeqCst);
            return false;
        };
        let new = dirty.table(&self.storage).map_or(0, |table| table.index().buckets());
        self.buckets.store(buckets.max(new), Ordering::Relaxed);
        true
    }

    /// Makes room for `capacity` keys in a new map. `false`: no memory.
    #[cfg(feature = "alloc")]
    pub(crate) fn reserve(&mut self, capacity: usize) -> bool {
        let Some(table) = self.storage.table(capacity) else { return false };
        let table = table.publish();
        // SAFETY: access is exclusive.
        self.dirty.with_mut(|dirty| unsafe { (*dirty).first = table });
        true
    }

    /// Asks for a promotion, and starts a `dirty` if there is none. `false`: no memory.
    pub(crate) fn ask(&self, dirty: &mut Dirty<K, V, St::Index>) -> bool {
        let ready = !dirty.table.is_null() || self.seal(dirty);
        dirty.asked = ready;
        ready
    }

    /// One step of the copy, and the promotion when it is due. Every operation that holds the lock ends with it.
    pub(crate) fn advance(&self, dirty: &mut Dirty<K, V, St::Index>) {
        if dirty.table.is_null() {
            return;
        }
        // SAFETY: `read` changes under the lock only.
        let read = unsafe { self.table(self.read.load(Ordering::SeqCst)) };
        let buckets = read.map_or(0, |read| read.index().buckets());
        if let Some(read) = read {
            let end = buckets.min(dirty.cursor + copy_step(St::LIMIT));
            for i in dirty.cursor..end {
                if let Some(handle) = read.index().bucket(i) {
                    self.copy(dirty, handle);
                }
            }
            dirty.cursor = end;
        }
        let due = || {
            let enough = dirty.table(&self.storage).is_some_and(|table| dirty.misses >= table.index().len().max(1));
            // The tables are few. If one still waits for whoever is pinned on it, another one that does would leave none for
            // new keys: better slow than refused.
            enough && (St::LIMIT.is_none() || self.garbage.garbage().tables == 0)
        };
        if dirty.cursor == buckets && (dirty.asked || due()) {
            self.promote_locked(dirty);
        }
    }

    /// Copies one entry of `read`.
    fn copy(&self, dirty: &mut Dirty<K, V, St::Index>, handle: *mut Entry<K, V>) {
        // SAFETY: entries of `read` are not freed while it is `read`, which changes under the lock only.
        let entry = unsafe { self.entry(handle) };
        match entry.state() {
            // Expunged by an insertion that was ahead of the cursor.
            State::Expunged => return,
            State::Live(_) => {}
            State::Deleted => match self.expunge(dirty, handle, entry) {
                // A store that was on its way when `amended` was set got there first.
                State::Live(_) => {}
                State::Deleted | State::Expunged => return,
            },
        }
        if let Some(table) = dirty.table_mut(&self.storage) {
            self.add(table, entry.hash, handle);
        }
    }

    /// `dirty`, which is completely copied, becomes `read`.
    fn promote_locked(&self, dirty: &mut Dirty<K, V, St::Index>) {
        let Dirty { table, expunged, .. } = core::mem::replace(dirty, Dirty::new());
        // SAFETY: `dirty` is a table, and was ours until now.
        let index = unsafe { &*self.storage.locate(table) }.index();
        let (next, unused, buckets) = match index.len() {
            0 => (ptr::null_mut(), table, 0),
            _ => (table, ptr::null_mut(), index.buckets()),
        };
        self.buckets.store(buckets, Ordering::Relaxed);
        let old = self.read.swap(next, Ordering::SeqCst).map_addr(|addr| addr & !1);
        self.promotions.fetch_add(1, Ordering::Relaxed);
        for table in [old, unused] {
            if !table.is_null() {
                // SAFETY: `old` is not `read` any more; `unused` never was, and is nobody's now.
                unsafe { self.garbage.retire_table(&self.storage, table) };
            }
        }
        // SAFETY: the old table alone led to them, and they are EXPUNGED.
        unsafe { self.garbage.retire_entries(&self.storage, expunged) };
    }

    /// Completes and promotes `dirty`, without the lock, for whoever has exclusive access.
    pub(crate) fn promote_mut(&mut self) {
        self.dirty.with_mut(|dirty| {
            // SAFETY: access is exclusive.
            let dirty = unsafe { &mut *dirty };
            while !dirty.table.is_null() {
                dirty.asked = true;
                self.advance(dirty);
            }
        });
        self.free_garbage();
    }

    /// The part of a removal that needs the lock; `None` when the key has no entry.
    pub(crate) fn take_locked<'p>(
        &'p self,
        dirty: &mut Dirty<K, V, St::Index>,
        pin: &'p Pin<'_>,
        hash: usize,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Taken<'p, K, V>> {
        let read = self.snapshot(pin);
        if let Some(Found { entry, .. }) = self.find_in(pin, read.table, hash, &mut eq) {
            return Some(Taken::Shared(entry));
        }
        let found = dirty.table(&self.storage).and_then(|table| self.probe(table, hash, eq));
        let Some(handle) = found else {
            dirty.miss();
            return None;
        };
        // SAFETY: from `dirty`, under the lock and the pin.
        let entry = unsafe { self.entry(handle) };
        // In `read` as well: that it was not found there is `Eq`'s or `Hash`'s fault.
        if leads_to(read.table, entry, handle) {
            return Some(Taken::Shared(entry));
        }
        let table = dirty.table_mut(&self.storage)?;
        self.count.begin_removal();
        table.index_mut().remove(entry.hash, handle, |entry| self.hash_of(entry));
        Some(Taken::Own(handle))
    }

    /// Takes both tables away: the map is empty at once, and the removal has begun.
    pub(crate) fn detach(&self, dirty: &mut Dirty<K, V, St::Index>) -> Detached<St::Index> {
        self.count.begin_removal();
        let read = self.read.swap(ptr::null_mut(), Ordering::SeqCst).map_addr(|addr| addr & !1);
        // The list of expunged entries goes: all of them are in `read`.
        self.buckets.store(0, Ordering::Relaxed);
        let Dirty { table, first, .. } = core::mem::replace(dirty, Dirty::new());
        Detached { read, dirty: if table.is_null() { first } else { table } }
    }
}
