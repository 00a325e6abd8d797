//! A test of the bound on the work under the lock. It counts steps, not time.
//!
//! The algorithm runs over a storage that counts each operation on an index, each object that is looked at and each
//! piece of memory that changes hands, and under a lock that notes how many of these its longest section had.

extern crate std;

use core::cell::Cell;
use std::{println, thread_local};

use mutex_traits::ScopedRawMutex;

use crate::entry::{Entry, Node};
use crate::garbage::Effort;
use crate::insert::{Refused, Why};
use crate::lock::Wait;
use crate::map::{Core, Inserted, OnLive, Unlinked};
use crate::storage::{Heap, HeapIndex, Index, Limit, Link, Owned, Pool, Reserved, Storage, Table};

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
    static LONGEST: Cell<usize> = const { Cell::new(0) };
    static SECTIONS: Cell<usize> = const { Cell::new(0) };
}

fn step() {
    STEPS.set(STEPS.get() + 1);
}

struct CountingLock;

// SAFETY: the test has one thread, and does not call the map from within `Eq`.
unsafe impl ScopedRawMutex for CountingLock {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        Some(self.with_lock(f))
    }

    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        let before = STEPS.get();
        let result = f();
        LONGEST.set(LONGEST.get().max(STEPS.get() - before));
        SECTIONS.set(SECTIONS.get() + 1);
        result
    }

    fn is_locked(&self) -> bool {
        false
    }
}

struct Counted(Heap<usize, usize>);

struct CountedIndex(HeapIndex<Entry<usize, usize>>);

macro_rules! counted_pool {
    ($($object:ty),*) => {$(
        // SAFETY: all is the heap's.
        unsafe impl Pool<$object> for Counted {
            fn reserve(&self) -> Option<*mut $object> {
                step();
                self.0.reserve()
            }

            unsafe fn release(&self, handle: *mut $object) {
                step();
                // SAFETY: the caller's promise.
                unsafe { self.0.release(handle) };
            }

            unsafe fn locate(&self, handle: *mut $object) -> *mut $object {
                step();
                // SAFETY: the caller's promise.
                unsafe { self.0.locate(handle) }
            }

            unsafe fn handle_at(&self, object: *mut $object) -> *mut $object {
                // SAFETY: the caller's promise.
                unsafe { self.0.handle_at(object) }
            }

            unsafe fn next(&self, handle: *mut $object) -> Link {
                step();
                // SAFETY: the caller's promise.
                unsafe { self.0.next(handle) }
            }

            unsafe fn set_next(&self, handle: *mut $object, next: Link) {
                step();
                // SAFETY: the caller's promise.
                unsafe { self.0.set_next(handle, next) };
            }
        }
    )*};
}

counted_pool!(Node<usize>, Entry<usize, usize>, Table<CountedIndex>);

impl Limit for Counted {
    const LIMIT: Option<usize> = None;
}

// SAFETY: all is the heap's.
unsafe impl Storage<usize, usize> for Counted {
    type Index = CountedIndex;

    const NEW: Self = Self(Heap::NEW);

    /// The one step that may take longer: a table's slots are set when it is allocated.
    fn table(&self, capacity: usize) -> Option<Owned<'_, Table<CountedIndex>, Self>> {
        step();
        let index = CountedIndex(HeapIndex::with_capacity(capacity)?);
        Some(Reserved::new(self)?.fill(Table::new(index)))
    }
}

impl Index<Entry<usize, usize>> for CountedIndex {
    type Vacant<'a> = <HeapIndex<Entry<usize, usize>> as Index<Entry<usize, usize>>>::Vacant<'a>;

    fn find(
        &self,
        hash: usize,
        mut eq: impl FnMut(*mut Entry<usize, usize>) -> bool,
    ) -> Option<*mut Entry<usize, usize>> {
        step();
        self.0.find(hash, |entry| {
            step();
            eq(entry)
        })
    }

    fn find_or_vacant(
        &mut self,
        hash: usize,
        mut eq: impl FnMut(*mut Entry<usize, usize>) -> bool,
    ) -> Result<*mut Entry<usize, usize>, Self::Vacant<'_>> {
        step();
        self.0.find_or_vacant(hash, |entry| {
            step();
            eq(entry)
        })
    }

    unsafe fn add(&mut self, hash: usize, entry: *mut Entry<usize, usize>) {
        step();
        // SAFETY: the caller's promise.
        unsafe { self.0.add(hash, entry) };
    }

    fn remove(&mut self, hash: usize, entry: *mut Entry<usize, usize>) {
        step();
        self.0.remove(hash, entry);
    }

    fn len(&self) -> usize {
        step();
        self.0.len()
    }

    fn room(&self) -> usize {
        step();
        self.0.room()
    }

    fn buckets(&self) -> usize {
        step();
        self.0.buckets()
    }

    fn bucket(&self, i: usize) -> Option<*mut Entry<usize, usize>> {
        step();
        self.0.bucket(i)
    }
}

type Map = Core<usize, usize, Counted, CountingLock>;

/// Scrambled, so that tables fill evenly (the finalizer of MurmurHash3).
fn hash(key: usize) -> usize {
    let mut hash = key as u64;
    for factor in [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    (hash ^ (hash >> 33)) as usize
}

fn insert(map: &Map, key: usize) {
    let inserted = map.with_memory::<Wait, _, _>((key, key), |input| {
        let pin = map.pin();
        map.insert::<Wait>(&pin, hash(key), input, OnLive::Replace).map_err(|Refused { input, why }| (input, why))
    });
    match inserted {
        // SAFETY: it was unlinked by this insertion.
        Ok(Inserted::Replaced(old)) => drop(unsafe { Unlinked::new(map, old) }),
        inserted => assert!(inserted.is_ok()),
    }
}

fn remove(map: &Map, key: usize) -> bool {
    let pin = map.pin();
    matches!(map.remove_again::<Wait>(&pin, hash(key), Why::Again, &mut |k| *k == key), Ok(Some(_)))
}

fn get(map: &Map, key: usize) -> bool {
    let pin = map.pin();
    matches!(map.get::<Wait>(&pin, hash(key), |k| *k == key), Ok(Some(_)))
}

/// The steps of the longest section under the lock, in a life of a map with about `n` entries.
fn longest_section(n: usize) -> usize {
    LONGEST.set(0);
    SECTIONS.set(0);
    let map = Map::new(CountingLock);
    // Grow; the garbage is freed on the way, as writes through the public map do.
    for key in 0..n {
        insert(&map, key);
        map.collect(Effort::SOME);
    }
    // New keys are looked up, overwritten and removed while they are in `dirty` only; keys that are absent are missed.
    for key in 0..n {
        insert(&map, n + key);
        insert(&map, n + key);
        assert!(get(&map, n + key));
        assert!(!get(&map, 3 * n + key));
        assert!(remove(&map, n + key));
        map.collect(Effort::SOME);
    }
    // Churn: the oldest goes, a new one comes.
    for key in 0..2 * n {
        assert!(remove(&map, key % n + (key / n) * 4 * n));
        insert(&map, key % n + (key / n + 1) * 4 * n);
        map.collect(Effort::SOME);
    }
    map.promote();
    // Most are removed, and nothing is inserted.
    let mut keep = 0;
    map.retain(&map.pin(), |_, _| {
        keep += 1;
        keep % 100 == 0
    });
    map.collect(Effort::SOME);
    map.promote();
    for key in 0..n / 2 {
        insert(&map, key);
    }
    map.clear(&map.pin());
    map.collect(Effort::SOME);
    assert!(SECTIONS.get() > n, "the lock was hardly taken");
    LONGEST.get()
}

/// What was reserved for keys that went during the copy can be used when it is complete.
#[test]
fn a_table_that_is_copied_has_room_for_new_keys_to_its_end() {
    let map = Map::new(CountingLock);
    let sizes = [20, 100, 3_000];
    for &n in if cfg!(miri) { &sizes[..1] } else { &sizes } {
        let (mut complete, mut full) = (0, 0);
        (0..n).for_each(|key| insert(&map, key));
        for key in 0..4 * n {
            assert!(remove(&map, key));
            insert(&map, n + key);
            map.collect(Effort::SOME);
            let unlocked = map.section::<Wait, _>(|dirty| {
                let Some(progress) = dirty.progress() else { return };
                if progress.done == progress.buckets {
                    complete += 1;
                    let room = dirty.table(&map.storage).unwrap().index().room();
                    full += usize::from(room == 0);
                    assert_eq!(dirty.has_room(&map.storage), room > 0, "{n} keys");
                }
            });
            assert!(unlocked.is_ok());
        }
        assert!(complete > full);
        map.clear(&map.pin());
    }
}

#[test]
#[cfg_attr(miri, ignore = "the count is the same, and 30,000 entries take an interpreter hours")]
fn work_under_the_lock_does_not_grow_with_the_map() {
    let sizes = [300, 3_000, 30_000];
    let longest = sizes.map(longest_section);
    println!("longest section under the lock, in steps, at {sizes:?} entries: {longest:?}");
    assert!(longest[2] <= 2 * longest[0], "{longest:?} steps at {sizes:?} entries");
}
