//! Storage on the global allocator: handles are addresses, indexes are hashbrown's.
//!
//! Every node and entry that is freed first goes to a few *spares*, from which the next one is taken. A map that is
//! only overwritten therefore never calls the allocator: the node that a store unlinked is the node of the next
//! store. (The allocator of a small firmware masks interrupts.)

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::ptr;

use hashbrown::HashTable;

use super::{Index, Pool, Storage, Table};
use crate::entry::{Entry, Node};
use crate::sync::{AtomicPtr, Ordering, const_fn};

/// As many as contexts that store at the same time in a small system: `main`, interrupts of three priorities.
const SPARE_NODES: usize = 4;
/// A removal of a key and the insertion of another are usually in turn.
const SPARE_ENTRIES: usize = 2;

pub(crate) struct Heap<K, V> {
    nodes: Spares<Node<V>, SPARE_NODES>,
    entries: Spares<Entry<K, V>, SPARE_ENTRIES>,
}

/// Memory kept for the next reservation. A place is filled from null and emptied by a swap, so there is no list
/// whose head could come back (ABA), and an interrupt between any two steps finds whole places.
struct Spares<T, const N: usize> {
    places: [AtomicPtr<T>; N],
}

impl<K, V> Heap<K, V> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { nodes: Spares::new(), entries: Spares::new() }
        }
    }
}

impl<T, const N: usize> Spares<T, N> {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { places: [const { AtomicPtr::new(ptr::null_mut()) }; N] }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self { places: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())) }
    }

    fn reserve(&self) -> Option<*mut T> {
        for place in &self.places {
            // Relaxed: only a hint whether the swap is worth its while.
            if !place.load(Ordering::Relaxed).is_null() {
                // Acquire: pairs with the Release that put it there; what was done with the memory is over.
                let spare = place.swap(ptr::null_mut(), Ordering::Acquire);
                if !spare.is_null() {
                    return Some(spare);
                }
            }
        }
        allocate()
    }

    /// # Safety
    ///
    /// As [`Pool::release`].
    unsafe fn release(&self, memory: *mut T) {
        for place in &self.places {
            // Release: pairs with the Acquire in `reserve`. Relaxed loads: only hints.
            if place.load(Ordering::Relaxed).is_null()
                && place.compare_exchange(ptr::null_mut(), memory, Ordering::Release, Ordering::Relaxed).is_ok()
            {
                return;
            }
        }
        // SAFETY: it came from `allocate` and is not in use (the caller's promise).
        unsafe { deallocate(memory) };
    }
}

impl<T, const N: usize> Drop for Spares<T, N> {
    fn drop(&mut self) {
        for place in &self.places {
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
    const { assert!(size_of::<T>() != 0) };
    // SAFETY: the layout is not of size zero.
    let memory = unsafe { alloc(Layout::new::<T>()) };
    (!memory.is_null()).then_some(memory.cast())
}

/// # Safety
///
/// `memory` came from [`allocate`] for the same `T` and is used no more.
unsafe fn deallocate<T>(memory: *mut T) {
    // SAFETY: the caller's promise; the layout is the same.
    unsafe { dealloc(memory.cast(), Layout::new::<T>()) };
}

// SAFETY: the allocator hands out memory for a `Node` that is aligned and not null, nor 1, for a node is
// word-aligned; memory in the spares belongs to nobody until it is taken out by a swap.
unsafe impl<K, V> Pool<Node<V>> for Heap<K, V> {
    fn reserve(&self) -> Option<*mut Node<V>> {
        self.nodes.reserve()
    }

    unsafe fn release(&self, handle: *mut Node<V>) {
        // SAFETY: the caller's promise.
        unsafe { self.nodes.release(handle) };
    }

    #[inline(always)]
    fn locate(&self, handle: *mut Node<V>) -> *mut Node<V> {
        handle
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
    fn locate(&self, handle: *mut Entry<K, V>) -> *mut Entry<K, V> {
        handle
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
    fn locate(&self, handle: *mut Table<I>) -> *mut Table<I> {
        handle
    }
}

/// hashbrown's table of handles.
pub(crate) struct HeapIndex<K, V>(HashTable<*mut Entry<K, V>>);

// SAFETY: a `HashTable` holds what was inserted and not removed.
unsafe impl<K, V> Storage<K, V> for Heap<K, V> {
    type Index = HeapIndex<K, V>;

    fn index(&self, capacity: usize) -> Option<HeapIndex<K, V>> {
        let mut table = HashTable::new();
        table.try_reserve(capacity, |_| 0).ok()?;
        Some(HeapIndex(table))
    }
}

impl<K, V> Index<Entry<K, V>> for HeapIndex<K, V> {
    #[inline]
    fn find(&self, hash: usize, mut eq: impl FnMut(*mut Entry<K, V>) -> bool) -> Option<*mut Entry<K, V>> {
        self.0.find(hash as u64, |&entry| eq(entry)).copied()
    }

    fn insert(&mut self, hash: usize, entry: *mut Entry<K, V>, hash_of: impl Fn(*mut Entry<K, V>) -> usize) {
        self.0.insert_unique(hash as u64, entry, |&entry| hash_of(entry) as u64);
    }

    fn remove(&mut self, hash: usize, entry: *mut Entry<K, V>) {
        if let Ok(found) = self.0.find_entry(hash as u64, |&e| e == entry) {
            found.remove();
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_full(&self) -> bool {
        self.0.capacity() == self.0.len()
    }

    fn buckets(&self) -> usize {
        self.0.num_buckets()
    }

    #[inline]
    fn bucket(&self, i: usize) -> Option<*mut Entry<K, V>> {
        self.0.get_bucket(i).copied()
    }
}
