//! What was unlinked and is not freed yet.
//!
//! A write that unlinks a node, an entry or a table *retires* it here: onto an intrusive stack, by the word that its memory
//! has for this, without an allocation.
//! [`Collector::collect`] takes all that has been retired as one *batch*, waits (by being called again, never by blocking)
//! until the batch's grace period is over, and frees it. With nobody pinned, all of this happens in the one call.
//!
//! # Invariants
//!
//! 1. What is on a stack or in the batch was unlinked before it was retired, is in one list only, and its link is used
//!    by nothing else.
//! 2. The batch belongs to whoever brought `collector` from IDLE to BUSY. A second caller (an interrupt that preempted
//!    the first, a destructor, another core) only says AGAIN and leaves: nobody waits, and nothing is missed,
//!    since a collector that finds AGAIN goes round once more.
//! 3. A batch's grace period starts, or is extended, after what is in the batch was taken, hence after it was unlinked.
//! 4. An object leaves its list before it is dropped: a destructor that panics, or that calls the map, finds the
//!    lists whole.

use core::ptr;

use crate::entry::{Entry, Node};
use crate::readers::{Grace, Progress, Readers};
use crate::storage::{Object, Owned, Pool, Storage, Table};
use crate::sync::{AtomicPtr, AtomicUsize, ExclusiveCell, Ordering, const_fn, fence};

/// A list that belongs to one owner.
pub(crate) struct Chain<T> {
    head: *mut T,
    tail: *mut T,
    len: usize,
}

/// All retired objects of one kind: those that came since the batch was taken, and those in the batch.
struct Retired<T> {
    incoming: AtomicPtr<T>,
    batch: ExclusiveCell<*mut T>,
    count: AtomicUsize,
}

/// All that a map has retired, and the freeing of it. `I` is the index of its tables.
pub(crate) struct Collector<K, V, I> {
    nodes: Retired<Node<V>>,
    entries: Retired<Entry<K, V>>,
    tables: Retired<Table<I>>,
    /// How many objects wait, of any kind: one word for the question of every write, whether there are any.
    waiting: AtomicUsize,
    collector: AtomicUsize,
    /// What the batch waits for; `None` when there is no batch.
    grace: ExclusiveCell<Option<Grace>>,
}

/// What a map has unlinked and not freed yet, since a reader that is or was pinned may still see it.
///
/// Without a reader this is nothing after each write. A pin delays freeing and nothing else; when it is
/// gone, the next write or `reclaim` frees what had to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Values that were overwritten or removed.
    pub values: usize,
    /// Keys that were removed.
    pub entries: usize,
    /// Tables that were replaced.
    pub tables: usize,
}

impl Garbage {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

const IDLE: usize = 0;
const BUSY: usize = 1;
const AGAIN: usize = 2;

impl<T> Chain<T> {
    pub(crate) const fn new() -> Self {
        Self { head: ptr::null_mut(), tail: ptr::null_mut(), len: 0 }
    }

    /// # Safety
    ///
    /// `item` is an object of `pool`, and is in no list.
    pub(crate) unsafe fn push(&mut self, pool: &impl Pool<T>, item: *mut T) {
        // SAFETY: the object is there (the caller's promise). `Retired::retire` publishes the whole chain.
        unsafe { pool.set_next(item, self.head) };
        if self.head.is_null() {
            self.tail = item;
        }
        self.head = item;
        self.len += 1;
    }
}

impl<T: Object> Retired<T> {
    const_fn! {
        fn new() -> Self {
            Self {
                incoming: AtomicPtr::new(ptr::null_mut()),
                batch: ExclusiveCell::new(ptr::null_mut()),
                count: AtomicUsize::new(0),
            }
        }
    }

    /// # Safety
    ///
    /// The chain's objects are of `pool` and were unlinked (invariant 1).
    unsafe fn retire(&self, pool: &impl Pool<T>, chain: Chain<T>, waiting: &AtomicUsize) {
        if chain.head.is_null() {
            return;
        }
        // Relaxed: counts are for information, and for the caller's own `collect`.
        self.count.fetch_add(chain.len, Ordering::Relaxed);
        waiting.fetch_add(chain.len, Ordering::Relaxed);
        let mut head = self.incoming.load(Ordering::Relaxed);
        loop {
            // SAFETY: the tail is an object of the chain.
            unsafe { pool.set_next(chain.tail, head) };
            // Release: pairs with the Acquire of the one who takes the stack; carries the links and the unlinking.
            // A stack that is only ever taken whole has no ABA.
            match self.incoming.compare_exchange_weak(head, chain.head, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Makes what came in the batch, which is empty. Whether there was something.
    ///
    /// # Safety
    ///
    /// The caller is the collector (invariant 2).
    unsafe fn take(&self) -> bool {
        // Relaxed: if an object is missed here, its retirer's own `collect` comes after.
        if self.incoming.load(Ordering::Relaxed).is_null() {
            return false;
        }
        // Acquire: pairs with the Release in `retire`.
        let head = self.incoming.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: the batch is the collector's.
        self.batch.with_mut(|batch| unsafe { *batch = head });
        !head.is_null()
    }

    /// Adds what came in to the batch. Whether there was something.
    ///
    /// # Safety
    ///
    /// The caller is the collector, and the objects are of `pool`.
    unsafe fn add(&self, pool: &impl Pool<T>) -> bool {
        // Acquire: as in `take`.
        let head = self.incoming.swap(ptr::null_mut(), Ordering::Acquire);
        let mut item = head;
        // SAFETY: the batch and what was taken are the collector's.
        self.batch.with_mut(|batch| unsafe {
            while !item.is_null() {
                let next = pool.next(item);
                pool.set_next(item, *batch);
                *batch = item;
                item = next;
            }
        });
        !head.is_null()
    }

    /// Frees the batch, one object after the other.
    ///
    /// # Safety
    ///
    /// The caller is the collector, and the batch's grace period is over.
    unsafe fn free(&self, pool: &impl Pool<T>, waiting: &AtomicUsize) {
        while let Some(item) = self.batch.with_mut(|batch| {
            // SAFETY: the batch is the collector's, and what is in it is an object of `pool`.
            unsafe {
                let item = *batch;
                if item.is_null() {
                    return None;
                }
                // The links came with the Acquire in `take`.
                *batch = pool.next(item);
                Some(item)
            }
        }) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            waiting.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: unlinked, its grace period is over, and it is in no list any more: nothing can reach it.
            unsafe { free(pool, item) };
        }
    }
}

/// # Safety
///
/// The object is of `pool`, and nothing can reach it any more but the caller.
unsafe fn free<T: Object>(pool: &impl Pool<T>, item: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        (*pool.locate(item)).lifetime().end();
        drop(Owned::new(pool, item));
    }
}

impl<K, V, I> Collector<K, V, I> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                nodes: Retired::new(),
                entries: Retired::new(),
                tables: Retired::new(),
                waiting: AtomicUsize::new(0),
                collector: AtomicUsize::new(IDLE),
                grace: ExclusiveCell::new(None),
            }
        }
    }

    /// Whether nothing waits.
    #[inline]
    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn garbage(&self) -> Garbage {
        Garbage {
            values: self.nodes.count.load(Ordering::Relaxed),
            entries: self.entries.count.load(Ordering::Relaxed),
            tables: self.tables.count.load(Ordering::Relaxed),
        }
    }

    /// # Safety
    ///
    /// The caller took `node` out of its slot (invariant 2 of the module `entry`).
    #[inline(never)]
    pub(crate) unsafe fn retire_node(&self, pool: &impl Pool<Node<V>>, node: *mut Node<V>) {
        let mut chain = Chain::new();
        // SAFETY: unlinked by the caller, who alone may retire it.
        unsafe {
            chain.push(pool, node);
            self.nodes.retire(pool, chain, &self.waiting);
        }
    }

    /// # Safety
    ///
    /// No table that a pin made from now on can reach leads to these entries; each is EXPUNGED.
    pub(crate) unsafe fn retire_entries(&self, pool: &impl Pool<Entry<K, V>>, entries: Chain<Entry<K, V>>) {
        // SAFETY: the caller's promise.
        unsafe { self.entries.retire(pool, entries, &self.waiting) };
    }

    /// # Safety
    ///
    /// `table` was `read`, and is no longer.
    pub(crate) unsafe fn retire_table(&self, pool: &impl Pool<Table<I>>, table: *mut Table<I>) {
        let mut chain = Chain::new();
        // SAFETY: unlinked by the caller, who alone may retire it.
        unsafe {
            chain.push(pool, table);
            self.tables.retire(pool, chain, &self.waiting);
        }
    }

    /// Frees what can be freed now. Never waits; runs destructors of keys and values.
    #[inline]
    pub(crate) fn collect<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers) {
        // SeqCst: pairs with the fence in `Readers::poll`. Of the caller, who has unpinned, and another write that has retired
        // something and still saw the pin, at least one sees the other: what was retired is not left behind.
        fence(Ordering::SeqCst);
        if !self.is_empty() {
            self.collect_some(storage, readers);
        }
    }

    /// Frees a node that the caller unlinked under a pin which is gone, if nobody else is pinned, and else retires it; and
    /// frees what can be freed now. A write in a map that nobody reads at the time thus goes without the lists.
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
        // SeqCst: pairs with the fence in `pin`, the node was unlinked before; and as in `collect`.
        fence(Ordering::SeqCst);
        // SAFETY: unlinked by the caller, who alone may free or retire it; when nobody is pinned nothing can reach it.
        unsafe {
            if readers.is_idle() {
                free(storage, node);
            } else {
                self.retire_node(storage, node);
            }
        }
        if !self.is_empty() {
            self.collect_some(storage, readers);
        }
    }

    #[inline(never)]
    fn collect_some<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers) {
        // AcqRel: pairs with the collector's compare-and-swap below; it sees what the caller retired and whom it
        // unpinned, and a new collector sees what the last one left.
        if self.collector.swap(AGAIN, Ordering::AcqRel) != IDLE {
            return;
        }
        let idle = IdleOnUnwind(&self.collector);
        loop {
            // AcqRel: an AGAIN that this overwrites is served by this round, which sees what it announced.
            self.collector.swap(BUSY, Ordering::AcqRel);
            // SAFETY: this caller is the collector (invariant 2).
            unsafe { self.round(storage, readers) };
            // Release: pairs with the swap of the next collector. Relaxed: on failure the swap above acquires.
            let stop = self.collector.compare_exchange(BUSY, IDLE, Ordering::Release, Ordering::Relaxed);
            if stop.is_ok() {
                break;
            }
        }
        core::mem::forget(idle);
    }

    /// Frees batches until nothing is left or a reader is in the way.
    ///
    /// # Safety
    ///
    /// The caller is the collector.
    unsafe fn round<St: Storage<K, V, Index = I>>(&self, storage: &St, readers: &Readers) {
        loop {
            let over = self.grace.with_mut(|grace| {
                // SAFETY: the grace period and the batches are the collector's.
                unsafe {
                    let grace = &mut *grace;
                    if grace.is_none() && (self.nodes.take() | self.entries.take() | self.tables.take()) {
                        *grace = Some(readers.grace());
                    }
                    let Some(grace) = grace else { return false };
                    let progress = readers.poll(grace);
                    // Values that are overwritten during a long pin would otherwise begin to wait when it is gone, and another
                    // one there.
                    if matches!(progress, Progress::Extensible) && self.nodes.add(storage) {
                        readers.extend(grace);
                    }
                    matches!(progress, Progress::Over)
                }
            });
            if !over {
                return;
            }
            // SAFETY: the caller is the collector. Should a destructor panic, the grace period stays, and it stays
            // over: the next collector goes on with the rest of the batch.
            unsafe { self.free(storage) };
            // SAFETY: the grace period is the collector's.
            self.grace.with_mut(|grace| unsafe { *grace = None });
        }
    }

    /// # Safety
    ///
    /// The caller is the collector, and the batch's grace period is over.
    unsafe fn free<St: Storage<K, V, Index = I>>(&self, storage: &St) {
        // SAFETY: the caller's promise.
        unsafe {
            self.tables.free(storage, &self.waiting);
            self.entries.free(storage, &self.waiting);
            self.nodes.free(storage, &self.waiting);
        }
    }

    /// Frees everything. A destructor that panics does not keep the rest.
    ///
    /// # Safety
    ///
    /// Nobody is pinned, and nobody else uses the map.
    pub(crate) unsafe fn free_all<St: Storage<K, V, Index = I>>(&self, storage: &St) {
        struct Rest<'a, K, V, St: Storage<K, V>>(&'a Collector<K, V, St::Index>, &'a St);

        impl<K, V, St: Storage<K, V>> Drop for Rest<'_, K, V, St> {
            fn drop(&mut self) {
                let Self(collector, storage) = self;
                // SAFETY: access is exclusive, so this is the collector, and no reader is left. The batch first,
                // should there be one, for taking another needs it empty.
                unsafe {
                    collector.free(*storage);
                    collector.nodes.take();
                    collector.entries.take();
                    collector.tables.take();
                    collector.free(*storage);
                }
            }
        }

        // Should a destructor panic within the first, the second frees the rest while the panic unwinds.
        let rest = Rest(self, storage);
        drop(Rest(self, storage));
        core::mem::forget(rest);
    }
}

/// Lets the next collector in when a destructor panics.
struct IdleOnUnwind<'a>(&'a AtomicUsize);

impl Drop for IdleOnUnwind<'_> {
    fn drop(&mut self) {
        // Release: pairs with the swap of the next collector.
        self.0.store(IDLE, Ordering::Release);
    }
}
