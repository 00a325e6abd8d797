//! Storage on the global allocator: handles are addresses.
//!
//! Every node and entry that is freed first goes to a few *spares*, from which the next one is taken. A map that is
//! only overwritten therefore never calls the allocator: the node that a store unlinked is the node of the next
//! store. (The allocator of a small firmware masks interrupts.)

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr;

use super::{Limit, Link, Owned, Pool, Reserved, Storage, Table};
use crate::entry::{Entry, Node};
use crate::readers::{STRIPES, stripe};
use crate::sync::{AtomicPtr, Ordering};

mod index;

pub use index::HeapIndex;

/// As many as contexts that store at the same time in a small system: `main`, interrupts of three
/// priorities; or one for each stripe.
const SPARE_NODES: usize = if STRIPES == 1 { 4 } else { STRIPES };
/// A removal of a key and the insertion of another are usually in turn.
const SPARE_ENTRIES: usize = 2;

/// The memory of a `SyncMap`: the global allocator's.
pub struct Heap<K, V> {
    nodes: Spares<Node<V>, SPARE_NODES>,
    entries: Spares<Entry<K, V>, SPARE_ENTRIES>,
}

/// What is allocated for an object. The object comes first, so that its address is the block's.
#[repr(C)]
struct Block<T> {
    object: MaybeUninit<T>,
    link: AtomicPtr<()>,
}

/// Memory kept for the next reservation. A place is filled from null and emptied by a swap, so there is no list
/// whose head could come back (ABA), and an interrupt between any two steps finds whole places.
///
/// Each caller begins with the place of its stripe.
struct Spares<T, const N: usize> {
    places: [Place<T>; N],
}

#[cfg_attr(striped, repr(align(128)))]
struct Place<T>(AtomicPtr<T>);

impl<T, const N: usize> Spares<T, N> {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { places: [const { Place(AtomicPtr::new(ptr::null_mut())) }; N] }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self { places: core::array::from_fn(|_| Place(AtomicPtr::new(ptr::null_mut()))) }
    }

    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline)]
    fn reserve(&self) -> Option<*mut T> {
        self.places[stripe() % N].take().or_else(|| self.search())
    }

    /// Looks at all places, then asks the allocator.
    #[cold]
    fn search(&self) -> Option<*mut T> {
        self.places.iter().find_map(Place::take).or_else(allocate)
    }

    /// # Safety
    ///
    /// As [`Pool::release`].
    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline)]
    unsafe fn release(&self, memory: *mut T) {
        if !self.places[stripe() % N].put(memory) {
            // SAFETY: the caller's promise.
            unsafe { self.release_elsewhere(memory) };
        }
    }

    /// # Safety
    ///
    /// As [`Pool::release`].
    #[cold]
    unsafe fn release_elsewhere(&self, memory: *mut T) {
        if !self.places.iter().any(|place| place.put(memory)) {
            // SAFETY: it came from `allocate` and is not in use (the caller's promise).
            unsafe { deallocate(memory) };
        }
    }
}

impl<T> Place<T> {
    #[inline]
    fn take(&self) -> Option<*mut T> {
        // Relaxed: only a hint whether the swap is worth its while.
        if self.0.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // Acquire: pairs with the Release that put it there; what was done with the memory is over.
        let spare = self.0.swap(ptr::null_mut(), Ordering::Acquire);
        (!spare.is_null()).then_some(spare)
    }

    #[inline]
    fn put(&self, memory: *mut T) -> bool {
        // Release: pairs with the Acquire in `take`. Relaxed loads: only hints.
        self.0.load(Ordering::Relaxed).is_null()
            && self.0.compare_exchange(ptr::null_mut(), memory, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}

impl<T, const N: usize> Drop for Spares<T, N> {
    fn drop(&mut self) {
        for Place(place) in &self.places {
            // Relaxed: access is exclusive.
            let spare = place.load(Ordering::Relaxed);
            if !spare.is_null() {
                // SAFETY: what is in a place is unused memory from `allocate`.
                unsafe { deallocate(spare) };
            }
        }
    }
}

fn allocate<T>() -> Option<*mut T> {
    // The lowest bits of an address are an index's, and two of them a list's, which says there what it leads to.
    const { assert!(align_of::<Block<T>>() >= index::ALIGN && align_of::<Block<T>>() >= 4) };
    // SAFETY: the layout is not of size zero, for there is the link.
    let block = unsafe { alloc(Layout::new::<Block<T>>()) }.cast::<Block<T>>();
    if block.is_null() {
        return None;
    }
    // SAFETY: the memory is valid for a block, and ours.
    unsafe { (&raw mut (*block).link).write(AtomicPtr::new(ptr::null_mut())) };
    Some(block.cast())
}

/// # Safety
///
/// `memory` came from [`allocate`] for the same `T` and is used no more.
unsafe fn deallocate<T>(memory: *mut T) {
    let block = memory.cast::<Block<T>>();
    // SAFETY: the caller's promise; the layout is the same.
    unsafe {
        ptr::drop_in_place(block);
        dealloc(block.cast(), Layout::new::<Block<T>>());
    }
}

/// # Safety
///
/// As [`Pool::next`], for memory from [`allocate`].
unsafe fn link<'a, T>(handle: *mut T) -> &'a AtomicPtr<()> {
    // SAFETY: a handle is the address of a block, with the provenance of all of it.
    unsafe { &(*handle.cast::<Block<T>>()).link }
}

// SAFETY: the allocator hands out memory for a `Node` that is aligned and not null, nor 1, for a block is
// word-aligned; memory in the spares belongs to nobody until it is taken out by a swap.
unsafe impl<K, V> Pool<Node<V>> for Heap<K, V> {
    #[inline]
    fn reserve(&self) -> Option<*mut Node<V>> {
        self.nodes.reserve()
    }

    #[inline]
    unsafe fn release(&self, handle: *mut Node<V>) {
        // SAFETY: the caller's promise.
        unsafe { self.nodes.release(handle) };
    }

    #[inline(always)]
    unsafe fn locate(&self, handle: *mut Node<V>) -> *mut Node<V> {
        handle
    }

    #[inline(always)]
    unsafe fn handle_at(&self, object: *mut Node<V>) -> *mut Node<V> {
        object
    }

    unsafe fn next(&self, handle: *mut Node<V>) -> Link {
        // SAFETY: the caller's promise.
        unsafe { link(handle) }.load(Ordering::Relaxed)
    }

    unsafe fn set_next(&self, handle: *mut Node<V>, next: Link) {
        // SAFETY: the caller's promise.
        unsafe { link(handle) }.store(next, Ordering::Relaxed);
    }
}

// SAFETY: as for nodes.
unsafe impl<K, V> Pool<Entry<K, V>> for Heap<K, V> {
    fn reserve(&self) -> Option<*mut Entry<K, V>> {
        self.entries.reserve()
    }

    unsafe fn release(&self, handle: *mut Entry<K, V>) {
        // SAFETY: the caller's promise.
        unsafe { self.entries.release(handle) };
    }

    #[inline(always)]
    unsafe fn locate(&self, handle: *mut Entry<K, V>) -> *mut Entry<K, V> {
        handle
    }

    #[inline(always)]
    unsafe fn handle_at(&self, object: *mut Entry<K, V>) -> *mut Entry<K, V> {
        object
    }

    unsafe fn next(&self, handle: *mut Entry<K, V>) -> Link {
        // SAFETY: the caller's promise.
        unsafe { link(handle) }.load(Ordering::Relaxed)
    }

    unsafe fn set_next(&self, handle: *mut Entry<K, V>, next: Link) {
        // SAFETY: the caller's promise.
        unsafe { link(handle) }.store(next, Ordering::Relaxed);
    }
}

// SAFETY: as for nodes, without spares: a table is allocated when the map has grown or was copied.
unsafe impl<K, V, I> Pool<Table<I>> for Heap<K, V> {
    fn reserve(&self) -> Option<*mut Table<I>> {
        allocate()
    }

    unsafe fn release(&self, handle: *mut Table<I>) {
        // SAFETY: the caller's promise.
        unsafe { deallocate(handle) };
    }

    #[inline(always)]
    unsafe fn locate(&self, handle: *mut Table<I>) -> *mut Table<I> {
        handle
    }

    #[inline(always)]
    unsafe fn handle_at(&self, object: *mut Table<I>) -> *mut Table<I> {
        object
    }

    unsafe fn next(&self, handle: *mut Table<I>) -> Link {
        // SAFETY: the caller's promise.
        unsafe { link(handle) }.load(Ordering::Relaxed)
    }

    unsafe fn set_next(&self, handle: *mut Table<I>, next: Link) {
        // SAFETY: the caller's promise.
        unsafe { link(handle) }.store(next, Ordering::Relaxed);
    }
}

impl<K, V> Limit for Heap<K, V> {
    const LIMIT: Option<usize> = None;
}

// SAFETY: an index holds what was added and not removed.
unsafe impl<K, V> Storage<K, V> for Heap<K, V> {
    type Index = HeapIndex<Entry<K, V>>;

    #[cfg(not(loom))]
    const NEW: Self = Self { nodes: Spares::new(), entries: Spares::new() };
    #[cfg(loom)]
    fn new() -> Self {
        Self { nodes: Spares::new(), entries: Spares::new() }
    }

    fn table(&self, capacity: usize) -> Option<Owned<'_, Table<Self::Index>, Self>> {
        Some(Reserved::new(self)?.fill(Table::new(HeapIndex::with_capacity(capacity)?)))
    }
}
