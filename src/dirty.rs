//! What the lock protects: `dirty`, the incremental copy that fills it, and its promotion.
//!
//! (Of a map that grows. Where memory is limited, there never is a `dirty`: module [`in_place`](crate::in_place).)
//!
//! # The life of a `dirty`
//!
//! 1. *Seal*: the first new key after a promotion makes an empty table the `dirty`, and sets `amended` in the word
//!    `read`. The table was allocated before the lock was taken.
//! 2. *Copy*: after each operation that held the lock, its caller tries it once more for a [`step`](Core::step) of the
//!    copy, which moves the cursor over some buckets of `read`: live entries go into `dirty` by the hash they keep,
//!    DELETED ones become EXPUNGED and are noted in a list. (Go copies the whole map at once.) Calls that need the copy
//!    to be complete, or that find `dirty` full, do a step in each section that they have waited for
//!    ([`advance`](Core::advance)), as often as it takes.
//! 3. *Promote*: with the cursor at the end, and as many misses as `dirty` has entries, or when it is full,
//!    or when it was asked for, `dirty` is stored into `read`. The old table and the list of expunged
//!    entries are retired as they are.
//!
//! No section under the lock depends on the number of entries, none allocates, and none both inserts and copies: with a
//! lock that masks interrupts, its longest section is what they wait for.
//!
//! # Why the copy always finds room
//!
//! Let U be the count of keys read after `amended` was set. Afterwards an entry of `read` that was not copied becomes
//! live only by a store that was on its way; U counts it (invariants 5 and 6 of the module [`map`](crate::map)). So at
//! most min(U, entries of `read`) entries are copied; as much of `dirty` is *reserved* for them at the seal. A new key
//! is added only where that leaves room, and each entry that is copied gives up a place. Hence the copy always finds
//! room, a full table is always one that can be promoted as soon as the copy is complete, and neither growth nor
//! tombstones ever rehash one under the lock.
//!
//! So that new keys do not have to wait for the copy, the capacity has room for one in each step besides: the copy is
//! then complete before they have used it up. The size follows what is live: the next table is larger when the map
//! grew, of the same size under churn, and smaller when much was removed.

use core::marker::PhantomData;
use core::ptr;

use mutex_traits::ScopedRawMutex;

use crate::entry::{Entry, State};
use crate::garbage::{Effort, entry_link};
use crate::lock::Acquire;
use crate::map::{Core, Snapshot, TakenOut};
use crate::readers::Pin;
use crate::stats::CopyProgress;
use crate::storage::{Chain, Index, Owned, Pool, Storage, Table};
use crate::sync::{Ordering, add, fence};

/// How far a step of the copy goes: until it was so much work, which is four entries, or sixteen buckets that are
/// empty. (A power of two: cores without a division are to calculate with it.) The models' tables have four buckets:
/// there, a copy takes several steps too.
const STEP_WORK: usize = if cfg!(loom) { ENTRY_WORK } else { 16 };

/// The work on a bucket with an entry, whether that is copied or not, if the work on an empty one is 1. (On a Cortex-M3
/// it is 40 to 50 instructions, and about 12.)
const ENTRY_WORK: usize = 4;

/// What the lock protects.
pub(crate) struct Dirty<K, V, I> {
    /// Null when there is no `dirty`.
    table: *mut Table<I>,
    /// An empty table for the next `dirty`, or null.
    next: *mut Table<I>,
    /// The bucket of `read` that is copied next, and how many there are.
    cursor: usize,
    end: usize,
    /// The room in `table` that is kept for what is yet to be copied.
    reserved: usize,
    /// Operations that had to take the lock since the last promotion, for a key that is not in `read`.
    misses: usize,
    /// Promote as soon as the copy is complete.
    asked: bool,
    /// There was no operation yet since the seal, which is work enough for one.
    fresh: bool,
    /// The entries of `read` that were expunged since the seal.
    expunged: Chain,
    _entries: PhantomData<*mut Entry<K, V>>,
}

/// A `dirty` needs a table, of this capacity.
#[derive(Clone, Copy)]
pub(crate) struct NeedsTable(usize);

/// What the next `dirty` is to be.
struct Plan {
    /// Of `read`.
    buckets: usize,
    /// How many entries are copied at most.
    copied: usize,
    capacity: usize,
}

/// What a removal did under the lock.
pub(crate) enum Taken<'p, K, V, St: Storage<K, V>, L> {
    /// The key has no entry.
    Nothing,
    /// The entry is in `read`, or may be, for that has changed: it goes without the lock.
    Shared,
    /// The entry was in `dirty` only, and is taken out of it.
    Own(TakenOut<'p, K, V, St, L>),
}

/// The tables of a map that was emptied. Made by [`detach`](Core::detach) alone: who has it is to retire them.
pub(crate) struct Detached<I> {
    pub(crate) read: *mut Table<I>,
    pub(crate) dirty: *mut Table<I>,
    /// An empty one.
    pub(crate) next: *mut Table<I>,
}

impl<K, V, I: Index<Entry<K, V>>> Dirty<K, V, I> {
    pub(crate) const fn new() -> Self {
        Self {
            table: ptr::null_mut(),
            next: ptr::null_mut(),
            cursor: 0,
            end: 0,
            reserved: 0,
            misses: 0,
            asked: false,
            fresh: false,
            expunged: Chain::new(),
            _entries: PhantomData,
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

    /// How far the copy is, if there is a `dirty`.
    pub(crate) fn progress(&self) -> Option<CopyProgress> {
        (!self.table.is_null()).then_some(CopyProgress { done: self.cursor, buckets: self.end })
    }

    /// Whether there is a `dirty` with room for another key, beside what is yet to be copied.
    #[inline]
    pub(crate) fn has_room(&self, storage: &impl Pool<Table<I>>) -> bool {
        self.table(storage).is_some_and(|table| table.index().room() > self.reserved)
    }

    /// The room in the table that the next `dirty` would have.
    fn next_room(&self, storage: &impl Pool<Table<I>>) -> usize {
        // SAFETY: `next` is a table that the holder of the lock alone can reach.
        if self.next.is_null() { 0 } else { unsafe { &*storage.locate(self.next) }.index().room() }
    }

    /// Whether there is something to do for a step.
    #[inline(never)]
    pub(crate) fn is_due(&mut self, storage: &impl Pool<Table<I>>) -> bool {
        let fresh = core::mem::replace(&mut self.fresh, false);
        self.cursor < self.end && !fresh || self.asked || self.is_ripe(storage)
    }

    /// Whether `dirty` is to take the place of `read`: it is full, or so many have missed `read`.
    fn is_ripe(&self, storage: &impl Pool<Table<I>>) -> bool {
        self.table(storage)
            .is_some_and(|table| table.index().room() == 0 || self.misses != 0 && self.misses >= table.index().len())
    }

    pub(crate) fn table_mut<'a>(&'a mut self, storage: &'a impl Pool<Table<I>>) -> Option<&'a mut Table<I>> {
        // SAFETY: as in `table`.
        (!self.table.is_null()).then(|| unsafe { &mut *storage.locate(self.table) })
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// Whether the table leads to this very entry. By its handle and the hash that is kept: what `Eq` and `Hash`
    /// say must not decide about memory.
    ///
    /// # Safety
    ///
    /// The handle is an entry's, which is not freed. (Of one that is in a list, the answer may be no.)
    #[cfg_attr(not(small), inline(never))]
    pub(crate) unsafe fn leads_to(&self, table: Option<&Table<St::Index>>, handle: *mut Entry<K, V>) -> bool {
        // SAFETY: the caller's promise.
        let hash = unsafe { self.hash_of(handle) };
        table.is_some_and(|table| table.index().find(hash, |other| other == handle).is_some())
    }

    /// DELETED → EXPUNGED, for an entry of `read` that is not in `dirty`. Returns what the entry was.
    pub(crate) fn expunge(
        &self,
        dirty: &mut Dirty<K, V, St::Index>,
        handle: *mut Entry<K, V>,
        entry: &Entry<K, V>,
    ) -> State<V> {
        match entry.expunge() {
            Ok(()) => {
                // SAFETY: each entry is expunged once, so it is in no list yet.
                unsafe { dirty.expunged.push(&self.storage, handle, entry_link(handle)) };
                State::Deleted
            }
            Err(state) => state,
        }
    }

    /// What a `dirty` that is started now, upon this word of `read`, has to be.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, under which alone `read` changes.
    unsafe fn plan(&self, word: *mut Table<St::Index>) -> Plan {
        // SAFETY: the caller's promise.
        let read = unsafe { self.table(word) };
        let live = self.count.get();
        let (entries, buckets) = read.map_or((0, 0), |read| (read.index().len(), read.index().buckets()));
        let copied = entries.min(live);
        // (No overflow: a bucket takes at least as many bytes as the work it is.)
        let work = buckets + (ENTRY_WORK - 1) * entries;
        Plan { buckets, copied, capacity: copied + work.div_ceil(STEP_WORK) + 2 }
    }

    /// Starts a `dirty`, if there is a table for it; else nothing has changed.
    pub(crate) fn seal(&self, dirty: &mut Dirty<K, V, St::Index>) -> Result<(), NeedsTable> {
        let word = self.read.load(Ordering::SeqCst);
        // `amended` first: a reader that does not see it must find nothing in `dirty`, and a store that revives without
        // the lock must either see it, or be counted in the `len` that is read next.
        self.read.store(word.map_addr(|addr| addr | 1), Ordering::SeqCst);
        // SeqCst: pairs with the fence in `revive_unlocked`.
        fence(Ordering::SeqCst);
        // SAFETY: who has `dirty` holds the lock.
        let Plan { buckets, copied, capacity } = unsafe { self.plan(word) };
        if dirty.next_room(&self.storage) < capacity {
            // Nothing was added to a `dirty` that does not exist.
            self.read.store(word, Ordering::SeqCst);
            return Err(NeedsTable(capacity));
        }
        dirty.table = core::mem::replace(&mut dirty.next, ptr::null_mut());
        (dirty.cursor, dirty.end, dirty.reserved, dirty.misses) = (0, buckets, copied, 0);
        dirty.fresh = true;
        let new = dirty.table(&self.storage).map_or(0, |table| table.index().buckets());
        self.buckets.store(buckets.max(new), Ordering::Relaxed);
        Ok(())
    }

    /// Allocates a table for the next `dirty`, before the lock is taken. `false`: no memory.
    #[cfg_attr(not(small), cold)]
    pub(crate) fn prepare<A: Acquire>(&self, NeedsTable(capacity): NeedsTable) -> Result<bool, A::Error>
    where
        L: ScopedRawMutex,
    {
        // Never so; but known to the compiler, which leaves out all of this for a `FixedMap`.
        if St::LIMIT.is_some() {
            return Ok(false);
        }
        let table = self.storage.table(capacity).or_else(|| {
            self.collect(Effort::ALL);
            self.storage.table(capacity)
        });
        let Some(table) = table else { return Ok(false) };
        /// Null, or a table that nobody else has ever reached, or that the lock alone led to. It is freed even if
        /// locking panics. (As an `Option<Owned>` it takes ten instructions more.)
        struct Unused<'a, K, V, St: Storage<K, V>>(&'a St, *mut Table<St::Index>, PhantomData<(K, V)>);

        impl<K, V, St: Storage<K, V>> Drop for Unused<'_, K, V, St> {
            fn drop(&mut self) {
                if !self.1.is_null() {
                    // SAFETY: nobody else's.
                    drop(unsafe { Owned::new(self.0, self.1) });
                }
            }
        }

        let mut unused = Unused(&self.storage, table.publish(), PhantomData);
        self.locked::<A, _>(|dirty| {
            // Another one may have been faster, and may even have made it the `dirty`.
            if dirty.table.is_null() && dirty.next_room(&self.storage) < capacity {
                core::mem::swap(&mut dirty.next, &mut unused.1);
            }
        })
        .map(|()| true)
    }

    /// Makes room for `capacity` keys in a new map. `false`: no memory.
    #[cfg(feature = "alloc")]
    pub(crate) fn reserve(&mut self, capacity: usize) -> bool {
        let Some(table) = self.storage.table(capacity) else { return false };
        let table = table.publish();
        // SAFETY: access is exclusive.
        self.dirty.with_mut(|dirty| unsafe { (*dirty).next = table });
        true
    }

    /// Asks for a promotion and does a step towards it, for who cannot go on without. `false`: there is no `dirty`.
    ///
    /// In the section that its caller has waited for, and not in another one that is only tried, as after other
    /// operations: a lock that is handed on to who waits for it would refuse that to all who do, for ever.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn advance(&self, dirty: &mut Dirty<K, V, St::Index>) -> bool {
        let is_there = !dirty.table.is_null();
        dirty.asked = is_there;
        self.step(dirty);
        is_there
    }

    /// [`advance`](Self::advance), or starts a `dirty` if there is none.
    pub(crate) fn ask(&self, dirty: &mut Dirty<K, V, St::Index>) -> Result<(), NeedsTable> {
        if !self.advance(dirty) {
            self.seal(dirty)?;
            dirty.asked = true;
        }
        Ok(())
    }

    /// Makes room for a new key, if there still is none: by a step towards a promotion. After that, another `dirty`
    /// needs a table, of which the caller is told.
    #[cfg_attr(not(small), cold)]
    pub(crate) fn make_room(&self, dirty: &mut Dirty<K, V, St::Index>) -> Option<NeedsTable> {
        if !dirty.has_room(&self.storage) {
            self.advance(dirty);
        }
        if !dirty.table.is_null() {
            return None;
        }
        // SAFETY: who has `dirty` holds the lock.
        let Plan { capacity, .. } = unsafe { self.plan(self.read.load(Ordering::SeqCst)) };
        (dirty.next_room(&self.storage) < capacity).then_some(NeedsTable(capacity))
    }

    /// One step of the copy; the promotion when it is due, if that leaves time for it.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn step(&self, dirty: &mut Dirty<K, V, St::Index>) {
        if dirty.table.is_null() {
            return;
        }
        // SAFETY: `read` changes under the lock only.
        let read = unsafe { self.table(self.read.load(Ordering::SeqCst)) };
        if let (Some(read), true) = (read, dirty.cursor < dirty.end) {
            let (index, mut work) = (read.index(), 0);
            let mut cursor = dirty.cursor; // In a register.
            while cursor < dirty.end && work < STEP_WORK {
                work += index.bucket(cursor).map_or(1, |handle| {
                    self.copy(dirty, handle);
                    ENTRY_WORK
                });
                cursor += 1;
            }
            dirty.cursor = cursor;
            if cursor < dirty.end {
                return;
            }
            dirty.reserved = 0;
            // A promotion is nearly as much work as a step: after more than an entry, it is the next one.
            if work > ENTRY_WORK {
                return;
            }
        }
        if dirty.asked || dirty.is_ripe(&self.storage) {
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
            debug_assert!(table.index().room() > 0, "see the module's documentation");
            // SAFETY: an entry of `read`, under the lock. Each is copied once.
            unsafe { table.index_mut().add(self.hash_of(handle), handle) };
            dirty.reserved = dirty.reserved.saturating_sub(1);
        }
    }

    /// `dirty`, which is completely copied, becomes `read`.
    fn promote_locked(&self, dirty: &mut Dirty<K, V, St::Index>) {
        let table = core::mem::replace(&mut dirty.table, ptr::null_mut());
        let expunged = core::mem::replace(&mut dirty.expunged, Chain::new());
        dirty.asked = false;
        // SAFETY: `dirty` is a table, and was ours until now.
        let index = unsafe { &*self.storage.locate(table) }.index();
        let (next, unused, buckets) = match index.len() {
            0 => (ptr::null_mut(), table, 0),
            _ => (table, ptr::null_mut(), index.buckets()),
        };
        self.buckets.store(buckets, Ordering::Relaxed);
        let old = self.read.swap(next, Ordering::SeqCst).map_addr(|addr| addr & !1);
        add(&self.promotions, 1);
        // SAFETY: `old` is not `read` any more, and alone led to the expunged entries (without it there are none);
        // `unused` never was `read`, and is nobody's now.
        unsafe {
            if !old.is_null() {
                self.garbage.retire_table(&self.storage, &self.readers, old, expunged);
            }
            if !unused.is_null() {
                self.garbage.retire_table(&self.storage, &self.readers, unused, Chain::new());
            }
        }
    }

    /// Completes and promotes `dirty`, without the lock, for whoever has exclusive access.
    pub(crate) fn promote_mut(&mut self) {
        self.dirty.with_mut(|dirty| {
            // SAFETY: access is exclusive.
            let dirty = unsafe { &mut *dirty };
            while !dirty.table.is_null() {
                dirty.asked = true;
                self.step(dirty);
            }
        });
        self.free_garbage();
    }

    /// The part of a removal that needs the lock, for a key that is not in the table of `seen`.
    pub(crate) fn take_locked<'p>(
        &'p self,
        dirty: &mut Dirty<K, V, St::Index>,
        pin: &'p Pin<'_>,
        seen: Snapshot<'_, St::Index>,
        hash: usize,
        eq: &mut dyn FnMut(&K) -> bool,
    ) -> Taken<'p, K, V, St, L> {
        let read = self.snapshot(pin);
        if !read.is_table_of(seen) {
            return Taken::Shared;
        }
        let Some(handle) = self.probe_outlined(dirty.table(&self.storage), hash, eq) else {
            dirty.miss();
            return Taken::Nothing;
        };
        // In `read` as well: that it was not found there is `Eq`'s or `Hash`'s fault, who may have their way.
        // SAFETY: from `dirty`, under the lock and the pin.
        if unsafe { self.leads_to(read.table, handle) } {
            return Taken::Nothing;
        }
        let Some(table) = dirty.table_mut(&self.storage) else { return Taken::Nothing };
        self.count.begin_removal();
        // SAFETY: as above.
        table.index_mut().remove(unsafe { self.hash_of(handle) }, handle);
        // SAFETY: `dirty` was all that led to it, and the pin is there.
        Taken::Own(unsafe { TakenOut::new(self, handle) })
    }

    /// Takes both tables away: the map is empty at once, and the removal has begun.
    pub(crate) fn detach(&self, dirty: &mut Dirty<K, V, St::Index>) -> Detached<St::Index> {
        self.count.begin_removal();
        let read = self.read.swap(ptr::null_mut(), Ordering::SeqCst).map_addr(|addr| addr & !1);
        // The list of expunged entries goes: all of them are in `read`.
        self.buckets.store(0, Ordering::Relaxed);
        let Dirty { table, next, .. } = core::mem::replace(dirty, Dirty::new());
        Detached { read, dirty: table, next }
    }
}
