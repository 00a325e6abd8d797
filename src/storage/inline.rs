//! Storage inside the map itself: no allocator, and nothing that points into it, so that a map may be moved.
//!
//! There are `N + SPARE` cells for nodes, as many for entries, and two tables. A handle is
//! the number of a cell, times four.
//!
//! # Why the index is not one of heapless' maps
//!
//! `heapless::IndexMap` owns its keys, asks them for their hash at each insertion, and needs a power of two. Two of
//! them would need `K: Clone`, would run `Hash` and `Clone` under the lock, where none of the user's code runs but what
//! compares keys, and a slot takes 12 bytes for a 32-bit key and the number of an entry. For 64 keys and 4 spares that
//! is 128 slots and 1,540 bytes for each; an [`InlineIndex`] takes 272. It holds numbers of entries only, and so needs
//! nothing of the keys. And none of them can be changed while others read it.
//!
//! Nor would lookups gain. Of a `u32` in 64 (instructions, mean over all 64 scrambled keys; Cortex-M3 and M0, opt-level
//! 3): in a full `FnvIndexMap` of 64 slots 183 and 212, in a full `FixedMap`, with its pin, 58 and 75.

#[cfg(any(loom, shuttle))]
use core::array;
use core::cell::UnsafeCell;
use core::hint::assert_unchecked;
use core::mem::{MaybeUninit, offset_of};
use core::ptr;

use super::{Limit, Link, Owned, Pool, Reserved, Storage, Table};
use crate::entry::{Entry, Node};
use crate::sync::{AtomicUsize, Ordering, const_fn};

pub(crate) mod index;

use index::InlineIndex;

/// The memory of a `FixedMap`: inside the map.
pub struct Inline<K, V, const N: usize, const SPARE: usize> {
    nodes: Cells<Node<V>, N, SPARE>,
    entries: Cells<Entry<K, V>, N, SPARE>,
    /// One that is in use, and one that was cleared and that somebody who is pinned still reads.
    tables: Cells<Table<InlineIndex<N, SPARE>>, 1, 1>,
}

/// `N + SPARE` in a row.
///
/// In one `UnsafeCell`, out of which each is taken by itself: Miri looks at every place of what a reference covers,
/// each time that the reference is handed on, but not into such a cell. (The tests take it a sixth of the time.)
struct Row<T, const N: usize, const SPARE: usize>(UnsafeCell<Arrays<T, N, SPARE>>);

/// What a single array cannot say yet.
#[repr(C)]
struct Arrays<T, const N: usize, const SPARE: usize> {
    first: [T; N],
    rest: [T; SPARE],
}

/// A pool of cells, without a lock.
///
/// Each cell says itself whether it is free, in its link, and one compare-and-swap on that word takes it. A list of
/// free cells, of which the first is taken, would have to know that the first one's successor is still the same (ABA).
/// Here a list is only a hint where to look: [`hint`](Self::hint), and in each free cell the hint from before it was
/// released. Where the hint is outdated, all cells are looked at.
struct Cells<T, const N: usize, const SPARE: usize> {
    /// The number of a cell that may be free; numbers begin with 1.
    hint: AtomicUsize,
    cells: Row<Cell<T>, N, SPARE>,
}

#[repr(C)]
struct Cell<T> {
    /// [`IN_USE`] and, above it, what is next in a list; or, of a free cell, the number of another one that may be
    /// free, times two, or 0 for the one that follows. A new map is all zeros, so that a `static` one takes no flash.
    ///
    /// First, so that its address is the cell's.
    link: AtomicUsize,
    object: UnsafeCell<MaybeUninit<T>>,
}

const IN_USE: usize = 1;

/// The most cells that there may be of a kind: see [`InlineIndex`].
const MOST: usize = 0x7FFF;

fn number<T>(handle: *mut T) -> usize {
    handle.addr() >> 2
}

fn handle<T>(number: usize) -> *mut T {
    ptr::without_provenance_mut(number << 2)
}

impl<T, const N: usize, const SPARE: usize> Row<T, N, SPARE> {
    const LEN: usize = N + SPARE;

    const fn new(first: [T; N], rest: [T; SPARE]) -> Self {
        Self(UnsafeCell::new(Arrays { first, rest }))
    }

    #[cfg(any(loom, shuttle))]
    fn from_fn(mut f: impl FnMut() -> T) -> Self {
        Self::new(array::from_fn(|_| f()), array::from_fn(|_| f()))
    }

    /// The address of the first one.
    #[inline(always)]
    fn as_ptr(&self) -> *const T {
        self.0.get().cast_const().cast()
    }

    /// # Safety
    ///
    /// `index` is less than `LEN`.
    #[inline(always)]
    unsafe fn get_unchecked(&self, index: usize) -> &T {
        // SAFETY: two arrays of the same type follow each other without padding, the pointer is to both, and the index
        // within them (the caller's promise).
        unsafe {
            // (A lookup takes four instructions more on a Cortex-M3 if the compiler does not hear of it.)
            assert_unchecked(index < Self::LEN);
            &*self.as_ptr().add(index)
        }
    }
}

impl<T> Cell<T> {
    const_fn! {
        fn new() -> Self {
            Self { link: AtomicUsize::new(0), object: UnsafeCell::new(MaybeUninit::zeroed()) }
        }
    }
}

impl<T, const N: usize, const SPARE: usize> Cells<T, N, SPARE> {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { hint: AtomicUsize::new(0), cells: Row::new([const { Cell::new() }; N], [const { Cell::new() }; SPARE]) }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self { hint: AtomicUsize::new(0), cells: Row::from_fn(Cell::new) }
    }

    /// `None` when all cells are in use; or when another context, during the call, released one that was looked at
    /// already and took one that was not. (Operations that find no memory try again.)
    #[inline]
    fn reserve(&self) -> Option<*mut T> {
        let links = Links {
            first: self.cells.as_ptr().cast(),
            stride: size_of::<Cell<T>>(),
            len: Row::<Cell<T>, N, SPARE>::LEN,
            hint: &self.hint,
        };
        // Relaxed: a hint.
        let number = self.hint.load(Ordering::Relaxed);
        let first = if cfg!(small) { 0 } else { links.take(number) };
        match if first == 0 { links.search(number) } else { first } {
            0 => None,
            number => Some(handle(number)),
        }
    }

    /// # Safety
    ///
    /// As [`Pool::release`].
    #[cfg_attr(not(small), inline)]
    unsafe fn release(&self, handle: *mut T) {
        // Relaxed: a hint.
        let word = self.hint.load(Ordering::Relaxed) << 1;
        // SAFETY: a handle of this pool (the caller's promise).
        let cell = unsafe { self.cell(handle) };
        // Release: pairs with the Acquire in `take`.
        cell.link.store(word, Ordering::Release);
        self.hint.store(number(handle), Ordering::Relaxed);
    }

    /// # Safety
    ///
    /// The handle was reserved from this pool.
    #[inline(always)]
    unsafe fn cell(&self, handle: *mut T) -> &Cell<T> {
        // SAFETY: the number of one of the cells.
        unsafe { self.cells.get_unchecked(number(handle) - 1) }
    }
}

/// The links of a pool's cells, whatever the cells hold: so that looking for a free one is one function.
#[derive(Clone, Copy)]
struct Links<'a> {
    first: *const AtomicUsize,
    /// The distance from one to the next, in bytes.
    stride: usize,
    len: usize,
    hint: &'a AtomicUsize,
}

impl Links<'_> {
    /// Looks at all cells, beginning with this one, and takes the first free one. 0: there is none; or another
    /// context, during the call, released one that was looked at already and took one that was not. (Operations
    /// that find no memory try again.)
    #[cfg_attr(not(small), cold)]
    #[inline(never)]
    fn search(self, mut number: usize) -> usize {
        for _ in 0..=self.len {
            let taken = self.take(number);
            if taken != 0 {
                return taken;
            }
            number = if number < self.len { number + 1 } else { 1 };
        }
        0
    }

    /// Takes this cell, if it is one and is free; 0 if not.
    #[inline]
    fn take(self, number: usize) -> usize {
        if number.wrapping_sub(1) >= self.len {
            return 0;
        }
        // SAFETY: one of the cells, of which the link is the first thing.
        let link = unsafe { &*self.first.byte_add((number - 1) * self.stride) };
        // Relaxed: the compare-and-swap decides. It has no ABA: whatever happened in between, the cell is free
        // when the word says so.
        let word = link.load(Ordering::Relaxed);
        // Acquire: pairs with the Release in `release`; what was done with the memory is over.
        if word & IN_USE != 0 || link.compare_exchange(word, IN_USE, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return 0;
        }
        let next = match word >> 1 {
            0 => number + 1,
            next => next,
        };
        self.hint.store(next, Ordering::Relaxed);
        number
    }
}

impl<K, V, const N: usize, const SPARE: usize> Inline<K, V, N, SPARE> {
    const_fn! {
        fn with_cells() -> Self {
            const {
                assert!(usize::BITS >= 32, "FixedMap: cores of 16 bits are not supported");
                assert!(N >= 1, "FixedMap: N, the number of keys, must be at least 1");
                assert!(SPARE >= 1, "FixedMap: SPARE must be at least 1, for a value is overwritten by putting another beside it");
                assert!(N <= MOST && SPARE <= MOST - N, "FixedMap: N + SPARE must be at most 32,767");
            }
            Self { nodes: Cells::new(), entries: Cells::new(), tables: Cells::new() }
        }
    }
}

macro_rules! pool {
    ($cells:ident: $object:ty) => {
        // SAFETY: a cell is taken by one compare-and-swap and is its owner's until it is released; its number, from 1
        // up, times four is neither null nor 1 and word-aligned; it stays where it is while the storage does.
        unsafe impl<K, V, const N: usize, const SPARE: usize> Pool<$object> for Inline<K, V, N, SPARE> {
            #[inline]
            fn reserve(&self) -> Option<*mut $object> {
                self.$cells.reserve()
            }

            #[inline]
            unsafe fn release(&self, handle: *mut $object) {
                // SAFETY: the caller's promise.
                unsafe { self.$cells.release(handle) };
            }

            #[inline(always)]
            unsafe fn locate(&self, handle: *mut $object) -> *mut $object {
                // SAFETY: the caller's promise.
                unsafe { self.$cells.cell(handle) }.object.get().cast()
            }

            #[inline(always)]
            unsafe fn handle_at(&self, object: *mut $object) -> *mut $object {
                // SAFETY: the object is in one of the cells (the caller's promise).
                let number = unsafe {
                    let cell = object.byte_sub(offset_of!(Cell<$object>, object)).cast::<Cell<$object>>();
                    cell.offset_from(self.$cells.cells.as_ptr())
                };
                handle(number as usize + 1)
            }

            unsafe fn next(&self, handle: *mut $object) -> Link {
                // SAFETY: the caller's promise.
                ptr::without_provenance_mut(unsafe { self.$cells.cell(handle) }.link.load(Ordering::Relaxed) >> 1)
            }

            unsafe fn set_next(&self, handle: *mut $object, next: Link) {
                // SAFETY: the caller's promise.
                unsafe { self.$cells.cell(handle) }.link.store(next.addr() << 1 | IN_USE, Ordering::Relaxed);
            }
        }
    };
}

pool!(nodes: Node<V>);
pool!(entries: Entry<K, V>);
pool!(tables: Table<InlineIndex<N, SPARE>>);

impl<K, V, const N: usize, const SPARE: usize> Limit for Inline<K, V, N, SPARE> {
    const LIMIT: Option<usize> = Some(N);
}

// SAFETY: an `InlineIndex` holds what was inserted and not removed.
unsafe impl<K, V, const N: usize, const SPARE: usize> Storage<K, V> for Inline<K, V, N, SPARE> {
    type Index = InlineIndex<N, SPARE>;

    #[cfg(not(loom))]
    const NEW: Self = Self::with_cells();
    #[cfg(loom)]
    fn new() -> Self {
        Self::with_cells()
    }

    fn table(&self, _capacity: usize) -> Option<Owned<'_, Table<Self::Index>, Self>> {
        let memory = Reserved::new(self)?;
        #[cfg(any(loom, shuttle))]
        return Some(memory.fill(Table::new(InlineIndex::new())));
        #[cfg(not(any(loom, shuttle)))]
        // SAFETY: the memory is zeroed when the map is made, and the last table in it has left an empty index. (All
        // else of the table is initialised, in its place: it may be larger than the stack of a small system.)
        Some(unsafe { memory.fill_with(|table| Table::init(table)) })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;

    use std::iter;
    use std::vec::Vec;

    use super::*;

    /// Contexts that overtake each other leave hints that are outdated.
    #[test]
    fn a_free_cell_is_found_whatever_the_hint_says() {
        let cells = Cells::<u32, 3, 2>::new();
        let all: Vec<_> = iter::from_fn(|| cells.reserve()).collect();
        assert_eq!(all.len(), 5);
        for &free in &all {
            for hint in 0..=all.len() + 1 {
                // SAFETY: reserved, and not in use.
                unsafe { cells.release(free) };
                cells.hint.store(hint, Ordering::Relaxed);
                assert_eq!((cells.reserve(), cells.reserve()), (Some(free), None), "{hint}");
            }
        }
    }
}

/// Models of the pool, for loom. The cells that are in use are told apart by a cell that loom watches.
#[cfg(all(test, loom))]
mod models {
    extern crate std;

    use std::sync::Arc;

    use loom::thread;

    use super::*;
    use crate::sync::ExclusiveCell;

    struct Pool {
        cells: Cells<u32, 1, 1>,
        owners: [ExclusiveCell<()>; 2],
    }

    impl Pool {
        fn new() -> Arc<Self> {
            Arc::new(Self { cells: Cells::new(), owners: array::from_fn(|_| ExclusiveCell::new(())) })
        }

        /// Reserves a cell, which nobody else may have, uses it, and releases it.
        fn use_one(&self) -> bool {
            let Some(handle) = self.cells.reserve() else { return false };
            self.owners[number(handle) - 1].with_mut(|_| ());
            // SAFETY: reserved, and used no more.
            unsafe { self.cells.release(handle) };
            true
        }
    }

    fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.max(Some(preemptions));
        builder.check(model);
    }

    /// With a cell for each, both find one, sooner or later.
    #[test]
    fn two_threads_and_two_cells() {
        fn use_two(pool: &Pool) {
            for _ in 0..2 {
                while !pool.use_one() {
                    thread::yield_now();
                }
            }
        }

        explore(3, || {
            let pool = Pool::new();
            let other = Arc::clone(&pool);
            let thread = thread::spawn(move || use_two(&other));
            use_two(&pool);
            thread.join().unwrap();
        });
    }

    /// With one cell between two, it is never with both, and it is there in the end.
    #[test]
    fn two_threads_and_one_cell() {
        explore(4, || {
            let pool = Pool::new();
            let taken = pool.cells.reserve().expect("two are free");
            let other = Arc::clone(&pool);
            let thread = thread::spawn(move || {
                other.use_one();
                other.use_one();
            });
            pool.use_one();
            thread.join().unwrap();
            assert!(pool.use_one(), "a cell was lost");
            // SAFETY: reserved above.
            unsafe { pool.cells.release(taken) };
            let [first, second] = [pool.cells.reserve(), pool.cells.reserve()];
            assert!(first.is_some() && second.is_some() && first != second);
            assert!(pool.cells.reserve().is_none());
        });
    }
}
