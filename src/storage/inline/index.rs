//! A hash table of the numbers of entries: open addressing, linear probing, deletion by shifting back (Knuth, "The Art of
//! Computer Programming", volume 3, section 6.4, algorithms L and R).
//!
//! It has three slots for two entries that there is memory for, so at most two thirds are in use: a probe ends at an empty
//! slot after few steps, and an insertion always finds one.

use core::ptr;
use core::slice;

use super::{Row, handle, number};
use crate::storage::{Index, Vacant};

/// An index for up to `N + SPARE` entries. A slot is 0 or the number of an entry: all bytes 0 are an empty index.
///
/// At most 32,767 entries, so that a fraction of 15 bits of a hash, times the number of slots, stays within 32 bits.
pub struct InlineIndex<const N: usize, const SPARE: usize> {
    slots: Slots<N, SPARE>,
    len: usize,
}

/// Three bytes for an entry, used as 16-bit numbers.
#[repr(C, align(2))]
struct Slots<const N: usize, const SPARE: usize>(Row<[u8; 3], N, SPARE>);

impl<const N: usize, const SPARE: usize> Slots<N, SPARE> {
    const LEN: usize = 3 * (N + SPARE) / 2;

    #[inline(always)]
    fn as_slice(&self) -> &[u16] {
        // SAFETY: so many fit into the bytes, which are aligned, and any bytes are numbers.
        unsafe { slice::from_raw_parts(ptr::from_ref(self).cast(), Self::LEN) }
    }

    fn as_mut_slice(&mut self) -> &mut [u16] {
        // SAFETY: as in `as_slice`.
        unsafe { slice::from_raw_parts_mut(ptr::from_mut(self).cast(), Self::LEN) }
    }
}

impl<const N: usize, const SPARE: usize> InlineIndex<N, SPARE> {
    /// What is in a slot; a slot that does not exist is empty.
    #[inline(always)]
    fn at(&self, slot: usize) -> usize {
        self.slots.as_slice().get(slot).map_or(0, |&number| number.into())
    }

    fn put(&mut self, slot: usize, number: usize) {
        if let Some(place) = self.slots.as_mut_slice().get_mut(slot) {
            *place = number as u16; // Numbers end with 32,767.
        }
    }

    const SLOTS: usize = Slots::<N, SPARE>::LEN;

    /// The slot where the search for a hash begins: its lowest 15 bits as a fraction (Lemire, "Fast Random Integer
    /// Generation in an Interval", 2019), for a division is slow, and there is no power of two.
    #[inline(always)]
    fn home(hash: usize) -> usize {
        ((hash & 0x7FFF) * Self::SLOTS) >> 15
    }

    #[inline(always)]
    fn after(slot: usize) -> usize {
        if slot + 1 < Self::SLOTS { slot + 1 } else { 0 }
    }

    /// How many steps it is from one slot to another.
    fn steps(from: usize, to: usize) -> usize {
        if from <= to { to - from } else { to + Self::SLOTS - from }
    }
}

/// A slot in which nothing is.
pub struct Empty<'a, const N: usize, const SPARE: usize> {
    index: &'a mut InlineIndex<N, SPARE>,
    slot: usize,
}

/// Leaves an empty one behind: the next table in this memory is made under the lock, in no time.
impl<const N: usize, const SPARE: usize> Drop for InlineIndex<N, SPARE> {
    fn drop(&mut self) {
        for slot in self.slots.as_mut_slice() {
            // Volatile, when compiled for size: else it becomes a call of `memset`, which is ten times as large as this
            // loop, and which a small firmware may have no other use for.
            // SAFETY: it is a reference.
            if cfg!(small) { unsafe { ptr::from_mut(slot).write_volatile(0) } } else { *slot = 0 }
        }
        self.len = 0;
    }
}

impl<E, const N: usize, const SPARE: usize> Vacant<E> for Empty<'_, N, SPARE> {
    fn fill(self, entry: *mut E) {
        self.index.put(self.slot, number(entry));
        self.index.len += 1;
    }
}

impl<E, const N: usize, const SPARE: usize> Index<E> for InlineIndex<N, SPARE> {
    type Vacant<'a>
        = Empty<'a, N, SPARE>
    where
        Self: 'a;

    #[inline]
    fn find(&self, hash: usize, mut eq: impl FnMut(*mut E) -> bool) -> Option<*mut E> {
        let mut slot = Self::home(hash);
        while self.at(slot) != 0 {
            let entry = handle(self.at(slot));
            if eq(entry) {
                return Some(entry);
            }
            slot = Self::after(slot);
        }
        None
    }

    fn find_or_vacant(&mut self, hash: usize, mut eq: impl FnMut(*mut E) -> bool) -> Result<*mut E, Self::Vacant<'_>> {
        let mut slot = Self::home(hash);
        while self.at(slot) != 0 {
            let entry = handle(self.at(slot));
            if eq(entry) {
                return Ok(entry);
            }
            slot = Self::after(slot);
        }
        Err(Empty { index: self, slot })
    }

    fn add(&mut self, hash: usize, entry: *mut E) {
        let mut slot = Self::home(hash);
        while self.at(slot) != 0 {
            slot = Self::after(slot);
        }
        Empty { index: self, slot }.fill(entry);
    }

    fn remove(&mut self, hash: usize, entry: *mut E, hash_of: impl Fn(*mut E) -> usize) {
        let mut hole = Self::home(hash);
        while self.at(hole) != number(entry) {
            if self.at(hole) == 0 {
                return;
            }
            hole = Self::after(hole);
        }
        // Whoever would be found at the hole earlier than where it is moves there, and leaves another hole.
        let mut slot = Self::after(hole);
        while self.at(slot) != 0 {
            let home = Self::home(hash_of(handle(self.at(slot))));
            if Self::steps(home, slot) >= Self::steps(hole, slot) {
                self.put(hole, self.at(slot));
                hole = slot;
            }
            slot = Self::after(slot);
        }
        self.put(hole, 0);
        self.len -= 1;
    }

    fn len(&self) -> usize {
        self.len
    }

    /// There is room for all entries that there is memory for.
    fn room(&self) -> usize {
        usize::MAX
    }

    fn buckets(&self) -> usize {
        Self::SLOTS
    }

    #[inline]
    fn bucket(&self, i: usize) -> Option<*mut E> {
        match self.at(i) {
            0 => None,
            number => Some(handle(number)),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;

    type Small = InlineIndex<3, 1>;

    fn contains(index: &Small, hash: usize, entry: *mut u32) -> bool {
        index.find(hash, |other| other == entry) == Some(entry)
    }

    /// Four entries in six slots, wherever each begins: rows of slots go over the end, too.
    #[test]
    fn who_is_left_is_found_after_each_removal() {
        const ENTRIES: usize = 4;
        const SLOTS: usize = Small::SLOTS;
        let first_hash_of = |home: usize| (home << 15).div_ceil(SLOTS);
        for case in 0..ENTRIES * SLOTS.pow(ENTRIES as u32) {
            let removed = case % ENTRIES;
            let hash = |i: usize| first_hash_of(case / ENTRIES / SLOTS.pow(i as u32) % SLOTS);
            // SAFETY: all bytes 0 are an empty index.
            let mut index = unsafe { MaybeUninit::<Small>::zeroed().assume_init() };
            let entries: [*mut u32; ENTRIES] = core::array::from_fn(|i| handle(i + 1));
            for (i, &entry) in entries.iter().enumerate() {
                assert_eq!(Small::home(hash(i)), case / ENTRIES / SLOTS.pow(i as u32) % SLOTS);
                index.add(hash(i), entry);
            }
            index.remove(hash(removed), entries[removed], |entry| hash(number(entry) - 1));
            for (i, &entry) in entries.iter().enumerate() {
                assert_eq!(contains(&index, hash(i), entry), i != removed, "case {case}, entry {i}");
            }
            assert_eq!(Index::<u32>::len(&index), ENTRIES - 1);
        }
    }
}
