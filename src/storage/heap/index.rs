//! A hash table of the addresses of entries, with open addressing (Knuth, "The Art of Computer Programming", volume 3,
//! section 6.4), for one owner who may change it, or many who read it.
//!
//! # Why it is not hashbrown's
//!
//! hashbrown compares the control bytes of sixteen slots by one instruction, where there is one. A Cortex-M
//! compares four of them, by several, and has compared the key behind a pointer before that; and what hashbrown has
//! for growing in place, which this never does, takes flash. Of a `SyncMap` with 64 keys, in instructions
//! (Cortex-M3 and M0, opt-level 3), with hashbrown's table and with this one: looking up a key 65.5 and 57.2, 137
//! and 61.7; a new key 589 and 483, 867 and 607; the longest section under the lock 417 and 303, 585 and 407; bytes
//! of flash 9,688 and 5,980, 10,112 and 5,852. On a host both find a key equally fast. That a key is not there
//! hashbrown's table tells sooner, with sixteen slots at once, when it is nearly full: Go's `AdversarialAlloc`
//! takes 21 ns with it, and 31 with this one.
//!
//! # Probes
//!
//! A probe goes on by one slot, then by two, by three, and so on (triangular numbers): of a power of two of slots it
//! reaches each. At least a quarter of the slots stays empty, so that probes are short and end.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ptr::{self, NonNull};

use crate::storage::{Index, Vacant};

/// An index of as many entries as it was made for.
pub struct HeapIndex<E> {
    /// Each slot is EMPTY, LEFT, or an entry's address with a tag, bits of its hash, in the
    /// bits that are zero in the address.
    slots: NonNull<*mut E>,
    /// One less than the number of slots, a power of two.
    mask: usize,
    len: usize,
    /// How many slots may still be filled that are EMPTY.
    room: usize,
}

/// Where a probe ends. All bytes 0 are an empty index.
const EMPTY: usize = 0;
/// Where an entry was taken out: a probe goes on. No address, with a tag or not, is as low as that.
const LEFT: usize = 1;

/// The bits of a tag. On a host looking at an entry is likely to miss the cache, and most of those that are not the
/// right one need not be looked at; on a microcontroller comparing the key takes no longer than comparing a tag.
const TAG: usize = ALIGN - 1;
/// What the addresses of entries are multiples of, at least.
pub(super) const ALIGN: usize = if cfg!(target_pointer_width = "64") { 8 } else { 1 };

/// The slots that a probe for a hash looks at, one after the other.
struct Probe {
    slot: usize,
    step: usize,
}

impl Probe {
    #[inline(always)]
    fn next(&mut self, mask: usize) {
        self.step += 1;
        self.slot = (self.slot + self.step) & mask;
    }
}

/// A place in an index, for an entry of the hash that it was looked for by.
pub struct Place<'a, E> {
    index: &'a mut HeapIndex<E>,
    slot: usize,
    hash: usize,
}

impl<E> HeapIndex<E> {
    /// The least number of slots.
    const LEAST: usize = 4;

    /// An empty one, with room for `capacity` entries at least, if there is memory for it.
    pub(crate) fn with_capacity(capacity: usize) -> Option<Self> {
        let mut slots = capacity.checked_next_power_of_two()?.max(Self::LEAST);
        if room(slots) < capacity {
            slots = slots.checked_mul(2)?;
        }
        // SAFETY: the layout is not of size zero.
        let zeroed = unsafe { alloc_zeroed(Self::layout(slots)?) };
        Some(Self { slots: NonNull::new(zeroed.cast())?, mask: slots - 1, len: 0, room: room(slots) })
    }

    fn layout(slots: usize) -> Option<Layout> {
        Layout::array::<*mut E>(slots).ok()
    }

    #[inline(always)]
    fn probe(&self, hash: usize) -> Probe {
        Probe { slot: hash & self.mask, step: 0 }
    }

    #[inline(always)]
    fn slot(&self, slot: usize) -> *mut E {
        debug_assert!(slot <= self.mask);
        // SAFETY: the number of a slot, which the mask made one; written to through `&mut` only.
        unsafe { self.slots.add(slot).read() }
    }

    #[inline(always)]
    fn set_slot(&mut self, slot: usize, word: *mut E) {
        debug_assert!(slot <= self.mask);
        // SAFETY: as in `slot`.
        unsafe { self.slots.add(slot).write(word) };
    }

    #[inline]
    fn put(&mut self, slot: usize, hash: usize, entry: *mut E) {
        debug_assert!(tag(entry) == 0 && entry.addr() > LEFT);
        // (There is room: an overflow would be this crate's fault.)
        self.room -= usize::from(self.slot(slot).addr() == EMPTY);
        self.len += 1;
        self.set_slot(slot, entry.map_addr(|addr| addr | tag_of(hash)));
    }
}

/// How many of so many slots may be filled.
fn room(slots: usize) -> usize {
    slots - slots / 4
}

/// The uppermost bits: the lowest ones have chosen the slot.
#[inline(always)]
fn tag_of(hash: usize) -> usize {
    hash >> (usize::BITS - 3) & TAG
}

#[inline(always)]
fn tag<E>(word: *mut E) -> usize {
    word.addr() & TAG
}

/// The entry that a slot leads to.
#[inline(always)]
fn entry<E>(word: *mut E) -> *mut E {
    word.map_addr(|addr| addr & !TAG)
}

impl<E> Drop for HeapIndex<E> {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.mask + 1) {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.slots.as_ptr().cast(), layout) };
        }
    }
}

impl<E> Vacant<E> for Place<'_, E> {
    #[inline]
    unsafe fn fill(self, entry: *mut E) {
        self.index.put(self.slot, self.hash, entry);
    }
}

impl<E> Index<E> for HeapIndex<E> {
    type Vacant<'a>
        = Place<'a, E>
    where
        Self: 'a;

    #[inline]
    fn find(&self, hash: usize, mut eq: impl FnMut(*mut E) -> bool) -> Option<*mut E> {
        let mut probe = self.probe(hash);
        loop {
            let word = self.slot(probe.slot);
            if word.addr() > LEFT {
                if tag(word) == tag_of(hash) && eq(entry(word)) {
                    return Some(entry(word));
                }
            } else if word.addr() == EMPTY {
                return None;
            }
            probe.next(self.mask);
        }
    }

    /// (`find`, and what was left. As one function they would take a firmware that is compiled for size 130 bytes more,
    /// and 2 to 5 % more instructions.)
    #[inline]
    fn find_or_vacant(&mut self, hash: usize, mut eq: impl FnMut(*mut E) -> bool) -> Result<*mut E, Self::Vacant<'_>> {
        let mut probe = self.probe(hash);
        let mut left = None;
        loop {
            let word = self.slot(probe.slot);
            if word.addr() > LEFT {
                if tag(word) == tag_of(hash) && eq(entry(word)) {
                    return Ok(entry(word));
                }
            } else if word.addr() == EMPTY {
                return Err(Place { slot: left.unwrap_or(probe.slot), hash, index: self });
            } else {
                left = left.or(Some(probe.slot));
            }
            probe.next(self.mask);
        }
    }

    unsafe fn add(&mut self, hash: usize, entry: *mut E) {
        let mut probe = self.probe(hash);
        while self.slot(probe.slot).addr() > LEFT {
            probe.next(self.mask);
        }
        self.put(probe.slot, hash, entry);
    }

    fn remove(&mut self, hash: usize, entry: *mut E) {
        let mut probe = self.probe(hash);
        loop {
            let word = self.slot(probe.slot);
            if word.addr() == EMPTY {
                return;
            }
            if self::entry(word) == entry {
                self.set_slot(probe.slot, ptr::without_provenance_mut(LEFT));
                self.len -= 1;
                return;
            }
            probe.next(self.mask);
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn room(&self) -> usize {
        self.room
    }

    fn buckets(&self) -> usize {
        self.mask + 1
    }

    #[inline]
    fn bucket(&self, i: usize) -> Option<*mut E> {
        if i > self.mask {
            return None;
        }
        let word = self.slot(i);
        (word.addr() > LEFT).then(|| entry(word))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    type Small = HeapIndex<u32>;

    /// Where an entry could be.
    fn address(number: usize) -> *mut u32 {
        ptr::without_provenance_mut(number * 8)
    }

    fn add(index: &mut Small, hash: usize, entry: *mut u32) {
        // SAFETY: this index looks at no entry, and the address has zeros where a tag goes.
        unsafe { index.add(hash, entry) };
    }

    fn find(index: &Small, hash: usize, entry: *mut u32) -> Option<*mut u32> {
        index.find(hash, |other| other == entry)
    }

    fn entries(index: &Small) -> Vec<*mut u32> {
        let mut entries: Vec<_> = index.entries().collect();
        entries.sort_unstable();
        entries
    }

    #[test]
    fn as_many_fit_as_were_asked_for_wherever_they_begin() {
        for capacity in 0_usize..if cfg!(miri) { 20 } else { 200 } {
            let largest = capacity.max(3).next_power_of_two() * 2;
            // All in one place, in a row, and as they come.
            for step in [0, 1, 0x9E37_79B9] {
                let hash = |number: usize| number.wrapping_mul(step);
                let mut index = Small::with_capacity(capacity).unwrap();
                let room = index.room();
                assert!(room >= capacity && index.buckets() <= largest, "{room} of {capacity}");
                for number in 1..=room {
                    assert_eq!((index.len(), index.room()), (number - 1, room + 1 - number));
                    add(&mut index, hash(number), address(number));
                }
                assert_eq!(entries(&index), Vec::from_iter((1..=room).map(address)));
                for number in 1..=room {
                    assert_eq!(find(&index, hash(number), address(number)), Some(address(number)));
                }
                assert_eq!((find(&index, hash(7), address(room + 1)), index.room()), (None, 0));
                assert_eq!(index.bucket(index.buckets()), None);
            }
        }
    }

    #[test]
    fn more_than_an_address_space_holds_is_refused() {
        for capacity in [usize::MAX, usize::MAX / 2, usize::MAX / 16, isize::MAX as usize / size_of::<usize>()] {
            assert!(Small::with_capacity(capacity).is_none(), "{capacity}");
        }
    }

    /// Each combination of three hashes, the place of each of them a neighbour's.
    #[test]
    fn what_was_taken_out_is_gone_and_nothing_else_is() {
        const ENTRIES: usize = 6;
        for case in (0..3_usize.pow(ENTRIES as u32)).step_by(if cfg!(miri) { 10 } else { 1 }) {
            let hash = |number: usize| case / 3_usize.pow(number as u32 - 1) % 3;
            for removed in 1..=ENTRIES {
                let mut index = Small::with_capacity(ENTRIES).unwrap();
                (1..=ENTRIES).for_each(|number| add(&mut index, hash(number), address(number)));
                let room = index.room();
                index.remove(hash(removed), address(removed));
                index.remove(hash(removed), address(removed));
                assert_eq!((index.len(), index.room()), (ENTRIES - 1, room), "its slot is not empty");
                for number in 1..=ENTRIES {
                    let expected = (number != removed).then_some(address(number));
                    assert_eq!(find(&index, hash(number), address(number)), expected, "case {case}");
                }
            }
        }
    }

    #[test]
    fn a_place_that_was_left_is_taken_again() {
        let mut index = Small::with_capacity(3).unwrap();
        (1..=2).for_each(|number| add(&mut index, 0, address(number)));
        for number in 3..100 {
            index.remove(0, address(number - 2));
            match index.find_or_vacant(0, |other| other == address(number)) {
                Ok(_) => panic!("it is not there yet"),
                // SAFETY: as in `add`.
                Err(vacant) => unsafe { vacant.fill(address(number)) },
            }
            assert_eq!((index.len(), index.room()), (2, 1));
            assert_eq!(entries(&index), [number - 1, number].map(address));
            assert_eq!(index.find_or_vacant(0, |other| other == address(number)).ok(), Some(address(number)));
        }
    }

    /// Of 160 entries whose place is the same, a tag of three bits lets twenty be looked at.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn entries_of_other_hashes_are_seldom_looked_at() {
        let mut index = Small::with_capacity(160).unwrap();
        let hash = |number: usize| number << (usize::BITS - 3);
        (1..=160).for_each(|number| add(&mut index, hash(number), address(number)));
        let mut looks = 0;
        index.find(hash(3), |_| {
            looks += 1;
            false
        });
        assert_eq!(looks, 20);
        looks = 0;
        let _ = index.find_or_vacant(hash(3), |_| {
            looks += 1;
            false
        });
        assert_eq!(looks, 20);
    }
}
