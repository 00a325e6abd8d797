//! A hash table of the numbers of entries, chained (Knuth, "The Art of Computer Programming", volume 3, section 6.4,
//! algorithm C with separate lists), that one context at a time changes while others read it.
//!
//! There are as many chains as there may be entries, so that a lookup follows one and a half links on average. An
//! entry that is added is put before the others of its chain, by one store; one that is taken out is left out by one
//! store, and still leads whoever stands on it to the rest of the chain. So none ever moves, and nothing has to be
//! cleaned up, however many come and go.
//!
//! Every access that readers share is SeqCst: that a key is not there is read here, and a store that returned must not
//! be overtaken by the caller's next load, as for the slots (invariant 4 of the module [`entry`](crate::entry)). The
//! entry's memory is used again after a grace period, so nobody stands on an entry whose link is written anew.

use super::{Row, handle, number};
use crate::storage::{Index, Vacant};
use crate::sync::{AtomicU16, Ordering::SeqCst};

/// An index of up to `N + SPARE` entries. A link is 0 or the number of an entry: all bytes 0 are an empty index.
///
/// At most 32,767 entries, so that a fraction of 15 bits of a hash, times the number of chains, stays within 32 bits.
pub struct InlineIndex<const N: usize, const SPARE: usize> {
    /// The first entry of each chain.
    first: Row<AtomicU16, N, SPARE>,
    /// Of each entry, the one that follows it in its chain.
    next: Row<AtomicU16, N, SPARE>,
}

impl<const N: usize, const SPARE: usize> InlineIndex<N, SPARE> {
    #[cfg(any(loom, shuttle))]
    pub fn new() -> Self {
        Self { first: Row::from_fn(|| AtomicU16::new(0)), next: Row::from_fn(|| AtomicU16::new(0)) }
    }

    const CHAINS: usize = Row::<AtomicU16, N, SPARE>::LEN;

    /// Where the first link is of the chain for a hash: its lowest 15 bits as a fraction (Lemire, "Fast Random Integer
    /// Generation in an Interval", 2019), for a division is slow, and there is no power of two.
    #[inline(always)]
    fn start(&self, hash: usize) -> &AtomicU16 {
        // SAFETY: a fraction of the number of chains.
        unsafe { self.chain(((hash & 0x7FFF) * Self::CHAINS) >> 15) }
    }

    /// The first link of this chain.
    ///
    /// # Safety
    ///
    /// `i` is less than `CHAINS`.
    #[inline(always)]
    unsafe fn chain(&self, i: usize) -> &AtomicU16 {
        debug_assert!(i < Self::CHAINS);
        // SAFETY: the caller's promise.
        unsafe { self.first.get_unchecked(i) }
    }

    /// The link behind an entry.
    ///
    /// # Safety
    ///
    /// The handle is an entry's of the storage that the index is of.
    #[inline(always)]
    unsafe fn behind<E>(&self, entry: *mut E) -> &AtomicU16 {
        debug_assert!((1..=Self::CHAINS).contains(&number(entry)));
        // SAFETY: entries are numbered from 1 to the number of chains.
        unsafe { self.next.get_unchecked(number(entry) - 1) }
    }
}

/// Where a link leads.
#[inline(always)]
fn follow<E>(link: &AtomicU16) -> Option<*mut E> {
    match link.load(SeqCst) {
        0 => None,
        number => Some(handle(number.into())),
    }
}

/// A place in an index, for an entry of this hash.
pub struct Place<'a, const N: usize, const SPARE: usize> {
    index: &'a InlineIndex<N, SPARE>,
    hash: usize,
}

/// Leaves an empty one behind: the next table in this memory is made under the lock.
#[cfg(not(any(loom, shuttle)))]
impl<const N: usize, const SPARE: usize> Drop for InlineIndex<N, SPARE> {
    fn drop(&mut self) {
        // (Of atomics, compilers make no `memset`, which is ten times as large, and which a small firmware may have no
        // other use for.)
        // SAFETY: the number of a chain.
        (0..Self::CHAINS).for_each(|i| unsafe { self.chain(i) }.store(0, core::sync::atomic::Ordering::Relaxed));
    }
}

impl<E, const N: usize, const SPARE: usize> Vacant<E> for Place<'_, N, SPARE> {
    unsafe fn fill(self, entry: *mut E) {
        // SAFETY: the caller's promise.
        unsafe { self.index.link(self.hash, entry) };
    }
}

impl<E, const N: usize, const SPARE: usize> Index<E> for InlineIndex<N, SPARE> {
    type Vacant<'a>
        = Place<'a, N, SPARE>
    where
        Self: 'a;

    #[inline]
    fn find(&self, hash: usize, mut eq: impl FnMut(*mut E) -> bool) -> Option<*mut E> {
        let mut link = self.start(hash);
        while let Some(entry) = follow(link) {
            if eq(entry) {
                return Some(entry);
            }
            // SAFETY: it was added.
            link = unsafe { self.behind(entry) };
        }
        None
    }

    fn find_or_vacant(&mut self, hash: usize, eq: impl FnMut(*mut E) -> bool) -> Result<*mut E, Self::Vacant<'_>> {
        self.find(hash, eq).ok_or(Place { index: self, hash })
    }

    unsafe fn add(&mut self, hash: usize, entry: *mut E) {
        // SAFETY: the caller's promise.
        unsafe { self.link(hash, entry) };
    }

    fn remove(&mut self, hash: usize, entry: *mut E) {
        // SAFETY: access is exclusive.
        unsafe { self.unlink(hash, entry, || true) };
    }

    unsafe fn link(&self, hash: usize, entry: *mut E) {
        let first = self.start(hash);
        // SAFETY: the caller's promise.
        unsafe { self.behind(entry) }.store(first.load(SeqCst), SeqCst);
        first.store(number(entry) as u16, SeqCst); // Numbers end with 32,767.
    }

    unsafe fn unlink(&self, hash: usize, entry: *mut E, goes: impl FnOnce() -> bool) -> bool {
        let mut link = self.start(hash);
        while let Some(found) = follow::<E>(link) {
            // SAFETY: it was added.
            let behind = unsafe { self.behind(found) };
            if found == entry {
                let goes = goes();
                if goes {
                    link.store(behind.load(SeqCst), SeqCst);
                }
                return goes;
            }
            link = behind;
        }
        false
    }

    fn len(&self) -> usize {
        Self::CHAINS
    }

    /// There is room for all entries that there is memory for.
    fn room(&self) -> usize {
        usize::MAX
    }

    fn buckets(&self) -> usize {
        Self::CHAINS
    }

    #[inline]
    fn bucket(&self, i: usize) -> Option<*mut E> {
        // SAFETY: the number of a chain.
        if i < Self::CHAINS { follow(unsafe { self.chain(i) }) } else { None }
    }

    #[inline]
    unsafe fn after(&self, entry: *mut E) -> Option<*mut E> {
        // SAFETY: it was added (the caller's promise).
        follow(unsafe { self.behind(entry) })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    extern crate std;

    use core::iter::successors;
    use core::mem::MaybeUninit;
    use std::vec::Vec;

    use super::*;

    type Small = InlineIndex<3, 1>;
    const ENTRIES: usize = 4;

    /// The handles from an entry on, in its chain.
    fn from(index: &Small, entry: Option<*mut u32>) -> Vec<*mut u32> {
        // SAFETY: found in the index, or in there before.
        successors(entry, |&entry| unsafe { index.after(entry) }).collect()
    }

    /// What is in the index, by bucket.
    fn buckets(index: &Small) -> [Vec<*mut u32>; ENTRIES] {
        assert_eq!(Index::<u32>::bucket(index, Small::CHAINS), None);
        core::array::from_fn(|i| from(index, index.bucket(i)))
    }

    /// Four entries in all combinations of chains, each of which goes; who stands on it goes on from there.
    #[test]
    fn who_is_left_is_found_after_each_removal() {
        let first_hash_of = |chain: usize| (chain << 15).div_ceil(Small::CHAINS);
        for case in (0..ENTRIES * Small::CHAINS.pow(ENTRIES as u32)).step_by(if cfg!(miri) { 13 } else { 1 }) {
            let removed = case % ENTRIES;
            let chain = |i: usize| case / ENTRIES / Small::CHAINS.pow(i as u32) % Small::CHAINS;
            // SAFETY: all bytes 0 are an empty index.
            let index = unsafe { MaybeUninit::<Small>::zeroed().assume_init() };
            let entries: [*mut u32; ENTRIES] = core::array::from_fn(|i| handle(i + 1));
            for (i, &entry) in entries.iter().enumerate() {
                // SAFETY: a handle of one of four cells.
                unsafe { index.link(first_hash_of(chain(i)), entry) };
            }
            let whole = buckets(&index);
            let entry = entries[removed];
            let onward = from(&index, Some(entry));
            // SAFETY: there is no other thread.
            let unlink = |goes: fn() -> bool| unsafe { index.unlink(first_hash_of(chain(removed)), entry, goes) };
            assert!(!unlink(|| false), "asked, and refused");
            assert_eq!(buckets(&index), whole);
            assert!(unlink(|| true));
            assert!(!unlink(|| unreachable!()), "it is gone");

            let mut expected = whole;
            expected[chain(removed)].retain(|&other| other != entry);
            assert_eq!(buckets(&index), expected, "case {case}");
            assert_eq!(Vec::from_iter(index.entries()), expected.concat());
            assert!(entries.iter().enumerate().all(|(i, &entry)| {
                let found = index.find(first_hash_of(chain(i)), |other| other == entry);
                found == (i != removed).then_some(entry)
            }));
            assert_eq!(from(&index, Some(entry)), onward, "case {case}");
        }
    }
}
