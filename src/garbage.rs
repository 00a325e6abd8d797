//! What was unlinked and is not freed yet.
//!
//! A write that unlinks a node, an entry or a table *retires* it here: onto an intrusive stack, by the word that its
//! memory has for this, without an allocation. [`Collector::collect`] takes all that has been retired as one *batch*,
//! waits (by being called again, never by blocking) until the batch's grace period is over, and frees it. With nobody
//! pinned, all of this happens in the one call.
//!
//! A write of which nobody can have seen anything does not come here: [`Collector::free_or_retire`].
//!
//! A promotion retires one object, the old table, and with it the list of the entries that the copy has expunged: they
//! can be as many as the map has keys. When its grace period is over, the list is put to those that are *dead*, by two
//! words, and each write frees a few of them: it must not be for one write to free what many have removed. (Where
//! memory is limited, nothing is promoted: an entry is retired by its removal, and goes where its node goes, [`join`].)
//!
//! One *collector* at a time takes, looks at grace periods, and frees: a handler that meets it, or a destructor that it
//! runs, leaves its own to it, and destructors do not nest. But on a host others may collect while it frees much
//! ([`freeing`]): of several threads that write all the time, one would else free all that the others retire, which can
//! be more than it is able to. Destructors that it runs meanwhile collect as others do.
//!
//! # Invariants
//!
//! 1. What is on the stack or in the batch was unlinked before it was retired, is in one list only, and
//!    its link is used by nothing else. (An entry's may still be read as if it were its hash, by who finds
//!    then that no table leads to it.)
//! 2. The batch and the dead belong to whoever brought `collector` from IDLE to BUSY. A second caller (an interrupt
//!    that preempted the first, a destructor, another core) only says AGAIN, and for how much, and leaves:
//!    nobody waits, and nothing is missed, since a collector that finds AGAIN goes round once more.
//! 3. A batch's grace period starts, or is extended, after what is in the batch was taken, hence after it was unlinked.
//! 4. An object leaves its list before it is dropped: a destructor that panics, or that calls the map, finds the
//!    lists whole. What is to be freed after it belongs to who frees it, and is retired again if a destructor panics.

mod freeing;
mod list;

use core::marker::PhantomData;
use core::mem::needs_drop;
use core::ptr;

use self::freeing::{Freeing, SEVERAL};
use self::list::{Kind, next, set_next, tagged, take, untagged};
pub(crate) use self::list::{Stack, entry_link};
use crate::entry::{Entry, Node};
use crate::readers::{Grace, LOCKED_IS_FENCE, LOOK, Progress, Readers, STRIPES, fence_after_unpin};
use crate::storage::{Chain, Link, Object, Owned, Pool, Storage, Table};
use crate::sync::{AtomicUsize, ExclusiveCell, Ordering, add, const_fn, fence};

/// All that a map has retired, and the freeing of it. `I` is the index of its tables.
pub(crate) struct Collector<K, V, I> {
    /// Of what waits, the entries and the tables. (How much there is in all is counted in stripes, as what was
    /// retired.) Incremented before an object is retired, decremented when it is freed: never below zero, and never too
    /// large, for each takes several words.
    entries: AtomicUsize,
    tables: AtomicUsize,
    collector: AtomicUsize,
    held: ExclusiveCell<Held>,
    freeing: Freeing,
    _objects: PhantomData<(*mut Entry<K, V>, *mut Table<I>)>,
}

/// What belongs to the collector.
struct Held {
    batch: Link,
    /// What the batch waits for; `None` when there is no batch.
    grace: Option<Grace>,
    /// Entries whose grace period is over.
    dead: Link,
}

/// What a map has unlinked and not freed yet, since a reader that is or was pinned may still see it.
///
/// Without a reader this is nothing after each write, but for keys that were removed: of those a write frees a few, so
/// that none takes long, and [`reclaim`](crate::TwinMap::reclaim) all. A pin delays freeing and nothing else; when it
/// is gone, the next write or `reclaim` frees what had to wait. (On a host, where readers come so close one after the
/// other that no write ever finds nobody pinned, up to 64 values wait for each other.)
///
/// ```
/// let map = twinmap::SyncMap::from([(1, "a")]);
/// map.promote();
/// let pinned = map.pin();
/// map.insert(1, "b");
/// assert_eq!(map.garbage().values, 1);
///
/// drop(pinned);
/// map.reclaim();
/// assert!(map.garbage().is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Garbage {
    /// Values that were overwritten or removed.
    pub values: usize,
    /// Keys that were removed.
    pub entries: usize,
    /// Tables that were replaced, or cleared.
    pub tables: usize,
}

impl Garbage {
    /// Whether nothing waits, as after [`TwinMap::reclaim`](crate::TwinMap::reclaim) with nobody pinned.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How many dead entries are freed by a round of the collector, at most.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Effort(usize);

impl Effort {
    /// An insertion takes longer than other writes, and has freed enough when it is as many as it adds.
    pub(crate) const FEW: Self = Self(2);
    /// When a map is emptied, a promotion leaves three entries dead for each key that is left to be removed, and so
    /// does the next one: with twice as many a write, nearly all are gone with the last key.
    pub(crate) const SOME: Self = Self(8);
    pub(crate) const ALL: Self = Self(usize::MAX);
}

const _: () = assert!(BUSY < Effort::FEW.0, "another number says AGAIN");

/// So many values may wait before a write looks whether one can be freed while somebody is pinned: mostly none can, and
/// on a host, with its stripes, looking costs more than the write.
const MANY: usize = if STRIPES == 1 { 1 } else { 64 };

/// So many times one collector goes round: for those who came meanwhile, other cores or destructors; and for what was
/// retired during the grace period of what it has freed.
const ROUNDS: usize = 32;

// Of the collector. Another number is AGAIN: the most entries that one of those asks for who said so.
const IDLE: usize = 0;
const BUSY: usize = 1;

impl<K, V, I> Collector<K, V, I> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                entries: AtomicUsize::new(0),
                tables: AtomicUsize::new(0),
                collector: AtomicUsize::new(IDLE),
                held: ExclusiveCell::new(Held { batch: ptr::null_mut(), grace: None, dead: ptr::null_mut() }),
                freeing: Freeing::new(),
                _objects: PhantomData,
            }
        }
    }

    pub(crate) fn tables(&self) -> usize {
        self.tables.load(Ordering::Relaxed)
    }

    pub(crate) fn garbage(&self, readers: &Readers) -> Garbage {
        let (entries, tables) = (self.entries.load(Ordering::Relaxed), self.tables());
        // These words are not of one moment.
        let values = (waiting(readers) as isize - (entries + tables) as isize).max(0) as usize;
        Garbage { values, entries, tables }
    }

    /// # Safety
    ///
    /// The caller took `node` out of its slot (invariant 2 of the module `entry`).
    #[cfg_attr(not(small), inline(never))]
    pub(crate) unsafe fn retire_node<St: Storage<K, V, Index = I>>(
        &self,
        storage: &St,
        readers: &Readers,
        node: *mut Node<V>,
    ) {
        // SAFETY: unlinked by the caller, who alone may retire it, and what goes with it.
        unsafe {
            if let Some(entry) = companion(storage, node) {
                self.retire_entry(storage, readers, entry);
            }
            self.retire(storage, readers, tagged(node, Kind::Node), 1);
        }
    }

    /// # Safety
    ///
    /// No table that a pin made from now on can reach leads to this entry; it is EXPUNGED.
    pub(crate) unsafe fn retire_entry<St: Storage<K, V, Index = I>>(
        &self,
        storage: &St,
        readers: &Readers,
        entry: *mut Entry<K, V>,
    ) {
        add(&self.entries, 1);
        // SAFETY: the caller's promise.
        unsafe { self.retire(storage, readers, entry_link(entry), 1) };
    }

    /// Retires a table, and entries with it.
    ///
    /// # Safety
    ///
    /// No pin made from now on can reach `table`. For the entries, as for [`retire_entry`](Self::retire_entry).
    pub(crate) unsafe fn retire_table<St: Storage<K, V, Index = I>>(
        &self,
        storage: &St,
        readers: &Readers,
        table: *mut Table<I>,
        entries: Chain,
    ) {
        let len = entries.len;
        add(&self.entries, len);
        add(&self.tables, 1);
        // SAFETY: unlinked by the caller, who alone may retire it; nobody else touches what goes with it.
        unsafe {
            (*storage.locate(table)).set_dead(entries);
            self.retire(storage, readers, tagged(table, Kind::Table), 1 + len);
        }
    }

    /// # Safety
    ///
    /// The object is of `storage` and was unlinked (invariant 1); `len` more wait from now on.
    #[inline(never)]
    unsafe fn retire<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers, item: Link, len: usize) {
        let retired = &readers.here().retired;
        add(&retired.waiting, len);
        // SAFETY: an object of the storage, in no list.
        unsafe { retired.list.push(storage, item) };
    }

    /// Frees what can be freed now. Never waits; runs destructors of keys and values.
    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline)]
    pub(crate) fn collect<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers, effort: Effort) {
        // SeqCst: pairs with the fence in `Readers::poll`. Of the caller, who has unpinned, and another write that has
        // retired something and still saw the pin, at least one sees the other: what was retired is not left behind.
        fence(Ordering::SeqCst);
        let waiting = waiting(readers);
        let worthwhile = || waiting >= MANY || St::LIMIT.is_some() || self.tables() != 0 || readers.is_idle();
        // (What is in several stripes is not counted in one moment: all means all, whatever the sum.)
        if effort == Effort::ALL || waiting != 0 && worthwhile() {
            self.collect_outlined(storage, readers, effort);
        }
    }

    /// Frees a node that the caller unlinked under a pin which is gone, and the entry that goes with it, if nobody else
    /// is pinned, and else retires them; and frees what can be freed now. A write in a map that nobody reads at the
    /// time thus goes without the lists.
    ///
    /// # Safety
    ///
    /// The caller took `node` out of its slot (invariant 2 of the module `entry`).
    #[inline]
    pub(crate) unsafe fn free_or_retire<St: Storage<K, V, Index = I>>(
        &self,
        storage: &St,
        readers: &Readers,
        node: *mut Node<V>,
    ) {
        // Pairs with the fence in `pin`, the node was unlinked before; and as in `collect`.
        fence_after_unpin();
        // SAFETY: unlinked by the caller, who alone may free or retire it; when nobody is pinned nothing can reach it.
        unsafe {
            if !readers.is_idle() {
                self.retire_node(storage, readers, node);
                return self.collect(storage, readers, Effort::SOME);
            }
            if needs_drop::<V>() || St::LIMIT.is_some() && needs_drop::<K>() {
                // A destructor that writes to the map comes here again. It is not to go deeper and
                // deeper: the one within it finds a collector at work, and leaves. Acquire: pairs with
                // the Release of the last collector.
                if self.collector.compare_exchange(IDLE, BUSY, Ordering::Acquire, Ordering::Relaxed).is_err() {
                    self.retire_node(storage, readers, node);
                    return self.collect_outlined(storage, readers, Effort::SOME);
                }
                let idle = IdleOnUnwind(&self.collector);
                free_both(storage, node);
                core::mem::forget(idle);
                if !self.leave() {
                    return self.work(storage, readers);
                }
            } else {
                free_both(storage, node);
            }
            // (It was idle: `collect` would only look again.)
            if waiting(readers) != 0 {
                if LOCKED_IS_FENCE {
                    // SeqCst: as in `collect`, for the lists, which are not looked at by `LOOK`.
                    fence(Ordering::SeqCst);
                }
                self.collect_outlined(storage, readers, Effort::SOME);
            }
        }
    }

    #[cfg_attr(not(small), inline(never))]
    fn collect_outlined<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers, effort: Effort) {
        // AcqRel: pairs with the collector's compare-and-swap below; it sees what the caller retired and whom it
        // unpinned, and a new collector sees what the last one left.
        if self.collector.fetch_max(effort.0, Ordering::AcqRel) == IDLE {
            self.work(storage, readers);
        }
    }

    /// Lets the next collector in, if nobody has said AGAIN.
    fn leave(&self) -> bool {
        // Release: pairs with what brings the next collector in. Relaxed: on failure a swap follows, which acquires.
        self.collector.compare_exchange(BUSY, IDLE, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// What the collector does, until nobody says AGAIN; but not for ever, while others write as fast as it frees.
    fn work<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers) {
        let mut idle = IdleOnUnwind(&self.collector);
        let mut more = IDLE;
        // (At its end, `idle` is dropped: the rest is the next write's.)
        for _ in 0..ROUNDS {
            // AcqRel: an AGAIN that this overwrites is served by this round, which sees what it announced.
            let effort = more.max(self.collector.swap(BUSY, Ordering::AcqRel));
            // SAFETY: this caller is the collector (invariant 2). The list is its own then, and nothing can reach
            // what is in there.
            unsafe {
                let batch = self.take_over(storage, readers);
                let (list, len) = self.ready(storage, batch, effort);
                // After a batch comes what was retired during its grace period, or is dead by it.
                more = if list.is_null() { IDLE } else { effort };
                let turn = if St::LIMIT.is_none() { self.freeing.turn(len) } else { None };
                if let Some(_turn) = turn {
                    core::mem::forget(idle);
                    // AcqRel: as in `leave`; and an AGAIN that this overwrites is served by the next round.
                    more = effort.max(self.collector.swap(IDLE, Ordering::AcqRel));
                    self.free_list(storage, readers, list);
                    // AcqRel: as in `collect_outlined`.
                    if self.collector.fetch_max(more, Ordering::AcqRel) != IDLE {
                        return;
                    }
                    idle = IdleOnUnwind(&self.collector);
                } else if list.is_null() {
                    self.free_dead(storage, readers, effort);
                } else {
                    self.free_list(storage, readers, list);
                }
            }
            if more == IDLE && self.leave() {
                core::mem::forget(idle);
                return;
            }
        }
    }

    /// Takes a batch if there is none. The batch if its grace period is over, and else null.
    ///
    /// # Safety
    ///
    /// The caller is the collector, and the objects are of `storage`.
    unsafe fn take_over<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers) -> Link {
        self.held.with_mut(|held| {
            // SAFETY: it is the collector's.
            let held = unsafe { &mut *held };
            // SAFETY: what comes to the batch is the collector's; the objects are of the storage.
            let mut take = || unsafe { take(storage, readers, &mut held.batch) };
            if held.grace.is_none() {
                held.grace = take().then(|| readers.grace());
            }
            let Some(grace) = &mut held.grace else { return ptr::null_mut() };
            match readers.poll(grace) {
                Progress::Over => {
                    held.grace = None;
                    return core::mem::replace(&mut held.batch, ptr::null_mut());
                }
                Progress::Waiting => {}
                // What is retired during a long pin would otherwise begin to wait when it is gone, and another
                // one there.
                Progress::Extensible => {
                    if take() {
                        readers.extend(grace);
                    }
                }
            }
            ptr::null_mut()
        })
    }

    /// What is to be freed, and how many objects that are, where others may collect meanwhile: a batch whose grace
    /// period is over, without the entries that come with a table, which are dead now; with the dead, if all are to be
    /// freed, which is as long as can be.
    ///
    /// # Safety
    ///
    /// The caller is the collector, the batch is its own, and the objects are of `storage`.
    unsafe fn ready<St: Storage<K, V, Index = I>>(&self, storage: &St, batch: Link, effort: usize) -> (Link, usize) {
        if !SEVERAL {
            return (batch, 0);
        }
        let (mut len, mut item, mut last) = (0, batch, ptr::null_mut());
        // SAFETY: all of this is the collector's; the objects are of the storage.
        unsafe {
            while !item.is_null() {
                self.bury(storage, item);
                len += 1;
                last = item;
                item = next(storage, item);
            }
            if effort != Effort::ALL.0 {
                return (batch, len);
            }
            let dead = self.held.with_mut(|held| core::mem::replace(&mut (*held).dead, ptr::null_mut()));
            if dead.is_null() {
                return (batch, len);
            }
            if last.is_null() {
                return (dead, usize::MAX);
            }
            set_next(storage, last, dead);
            (batch, usize::MAX)
        }
    }

    /// Puts the entries that come with a table, if the object is one, to the dead; if it has been done before, nothing.
    ///
    /// # Safety
    ///
    /// The object is the caller's, and of `storage`; the caller is the collector, if there are such entries.
    #[inline]
    unsafe fn bury<St: Storage<K, V, Index = I>>(&self, storage: &St, item: Link) {
        if Kind::of(item) == Kind::Table {
            // SAFETY: the caller's promises.
            unsafe {
                let Chain { head, tail, .. } = (*storage.locate(untagged::<Table<I>>(item))).take_dead();
                if !head.is_null() {
                    self.held.with_mut(|held| {
                        set_next(storage, tail, (*held).dead);
                        (*held).dead = head;
                    });
                }
            }
        }
    }

    /// Frees the objects of a list, one after the other.
    ///
    /// # Safety
    ///
    /// The list is the caller's, and nothing can reach the objects any more. The caller is the collector, unless all
    /// tables among them have been [buried](Self::bury).
    unsafe fn free_list<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers, list: Link) {
        /// Should a destructor panic: what comes after it is retired again (and has been counted).
        struct Rest<'a, K, V, St: Storage<K, V>>(&'a Collector<K, V, St::Index>, &'a St, &'a Readers, Link);

        impl<K, V, St: Storage<K, V>> Rest<'_, K, V, St> {
            fn next(&mut self) -> Option<Link> {
                let item = self.3;
                if item.is_null() {
                    return None;
                }
                // SAFETY: an object of the storage.
                self.3 = unsafe { next(self.1, item) };
                Some(item)
            }
        }

        impl<K, V, St: Storage<K, V>> Drop for Rest<'_, K, V, St> {
            fn drop(&mut self) {
                while let Some(item) = self.next() {
                    // SAFETY: as above, in no list any more.
                    unsafe { self.0.retire(self.1, self.2, item, 0) };
                }
            }
        }

        let mut rest = Rest(self, storage, readers, list);
        while let Some(item) = rest.next() {
            // SAFETY: the caller's promises; it is in no list any more.
            unsafe {
                self.bury(storage, item);
                self.free(storage, readers, item);
            }
        }
    }

    /// Frees so many of the dead, or all if there are fewer.
    ///
    /// # Safety
    ///
    /// The caller is the collector.
    unsafe fn free_dead<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers, len: usize) {
        for _ in 0..len {
            // SAFETY: the dead are the collector's, and nothing can reach them any more.
            unsafe {
                let item = self.held.with_mut(|held| {
                    let held = &mut *held;
                    let item = held.dead;
                    if !item.is_null() {
                        held.dead = next(storage, item);
                    }
                    item
                });
                if item.is_null() {
                    return;
                }
                self.free(storage, readers, item);
            }
        }
    }

    /// # Safety
    ///
    /// As for the function [`free`], of an object of any kind.
    #[inline(never)]
    unsafe fn free<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers, item: Link) {
        let kind = Kind::of(item);
        if kind != Kind::Node {
            let count = if kind == Kind::Entry { &self.entries } else { &self.tables };
            add(count, 1_usize.wrapping_neg());
        }
        add(&readers.here().retired.waiting, 1_usize.wrapping_neg());
        // SAFETY: the caller's promise.
        unsafe {
            match kind {
                Kind::Node => free(storage, untagged::<Node<V>>(item)),
                Kind::Entry => free(storage, untagged::<Entry<K, V>>(item)),
                Kind::Table => free(storage, untagged::<Table<I>>(item)),
            }
        }
    }

    /// Frees everything. A destructor that panics does not keep the rest.
    ///
    /// # Safety
    ///
    /// Nobody is pinned, and nobody else uses the map.
    pub(crate) unsafe fn free_all<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers) {
        struct Rest<'a, K, V, St: Storage<K, V>>(&'a Collector<K, V, St::Index>, &'a St, &'a Readers);

        impl<K, V, St: Storage<K, V>> Drop for Rest<'_, K, V, St> {
            fn drop(&mut self) {
                let Self(collector, storage, readers) = self;
                collector.collect(*storage, readers, Effort::ALL);
            }
        }

        // Exact, for nobody else counts.
        if waiting(readers) == 0 {
            return;
        }
        // Should a destructor panic within the first, the second frees the rest while the panic unwinds.
        let rest = Rest(self, storage, readers);
        drop(Rest(self, storage, readers));
        core::mem::forget(rest);
    }
}

/// Sends an entry where this node goes, both of which were unlinked at once: what is freed or retired together
/// has one way. With a limit only.
///
/// # Safety
///
/// The caller took the node out of the slot of this entry, and the entry out of all tables; both are its to retire.
pub(crate) unsafe fn join<K, V, St: Storage<K, V>>(storage: &St, node: *mut Node<V>, entry: *mut Entry<K, V>) {
    // SAFETY: the node is in no list, as long as it is the caller's.
    unsafe { storage.set_next(node, entry_link(entry)) };
}

/// The entry that goes with a node.
///
/// # Safety
///
/// The node was in a slot, and is the caller's to retire.
unsafe fn companion<K, V, St: Storage<K, V>>(storage: &St, node: *mut Node<V>) -> Option<*mut Entry<K, V>> {
    // (In the heap's nodes that word is not set before they are retired.)
    St::LIMIT?;
    // SAFETY: it is in no list: with a limit, the word is null unless `join` has set it.
    let link = unsafe { storage.next(node) };
    (!link.is_null()).then(|| untagged(link))
}

/// Frees a node, and the entry that goes with it.
///
/// # Safety
///
/// As for [`companion`] and [`free`].
unsafe fn free_both<K, V, St: Storage<K, V>>(storage: &St, node: *mut Node<V>) {
    // SAFETY: the caller's promise.
    unsafe {
        let entry = companion(storage, node).map(|entry| own(storage, entry));
        // Should a value's destructor panic, the entry is freed while that unwinds.
        free(storage, node);
        drop(entry);
    }
}

/// # Safety
///
/// The object is of `pool`, and nothing can reach it any more but the caller.
unsafe fn free<T: Object>(pool: &impl Pool<T>, item: *mut T) {
    // SAFETY: the caller's promise.
    drop(unsafe { own(pool, item) });
}

/// An object that is about to be freed.
///
/// # Safety
///
/// As for [`free`].
unsafe fn own<T: Object, P: Pool<T>>(pool: &P, item: *mut T) -> Owned<'_, T, P> {
    // SAFETY: the caller's promise.
    unsafe {
        (*pool.locate(item)).lifetime().end();
        Owned::new(pool, item)
    }
}

/// How many objects wait, of any kind. A stripe's count may be below zero: who frees an object counts in another one.
#[inline]
fn waiting(readers: &Readers) -> usize {
    readers.stripes().iter().fold(0, |sum, stripe| sum.wrapping_add(stripe.retired.waiting.load(LOOK)))
}

/// Lets the next collector in when a destructor panics, or there were rounds enough. Should one have said AGAIN,
/// the rest waits for the next write. (As it does when a destructor panics while others may collect.)
struct IdleOnUnwind<'a>(&'a AtomicUsize);

impl Drop for IdleOnUnwind<'_> {
    fn drop(&mut self) {
        // Release: as in `leave`.
        self.0.store(IDLE, Ordering::Release);
    }
}
