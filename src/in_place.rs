//! Where memory is limited: there is one table, `read`, which is written in place.
//!
//! A table of which the memory is there from the beginning need never grow, and its index
//! ([`InlineIndex`](crate::storage::inline::index::InlineIndex)) is never worse for what has come and gone. So a
//! `FixedMap` has no `dirty`, copies nothing and promotes nothing: a new key is *linked* into `read` under the lock,
//! and found there without it from then on; what is not there is absent. (The table itself is made by the first
//! insertion, and given up by `clear`.)
//!
//! # Removal
//!
//! A removal makes the entry DELETED without the lock, as everywhere. Then it *tries* the lock, to make it EXPUNGED and
//! to take it out of the index, so that its memory comes free for another key. It does not wait: it may be a handler
//! that has interrupted who has the lock. Without it, the entry stays as it is, like one of `read` anywhere: found, and
//! absent. The same key may come back in it, under the lock; and an insertion that finds no memory for an entry takes
//! out all that were left ([`sweep`](Core::sweep)).
//!
//! # Invariants
//!
//! 1. An entry becomes EXPUNGED here under the lock, in the table that is `read` then, and leaves its index in
//!    the same section; or by [`clear`](Core::clear), in a table that was detached. Whoever did it retires it, in
//!    that section, or with the table.
//! 2. So under the lock no entry that the index leads to is EXPUNGED, and a key has one entry there at
//!    most. Without the lock, whoever finds an EXPUNGED entry found it in the index since its operation
//!    began: the key was absent in between.

use core::ptr;

use mutex_traits::ScopedRawMutex;

use crate::entry::{Entry, Node, State};
use crate::insert::InsertOutcome;
use crate::lock::Acquire;
use crate::map::{Core, Unlinked};
use crate::readers::Pin;
use crate::storage::{Index, Reserved, Storage, Table};
use crate::sync::Ordering;

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    /// The part of an insertion that needs the lock, as [`insert_locked`](Self::insert_locked).
    pub(crate) fn insert_in_place<'p>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        key: &mut Option<K>,
        memory: &mut Option<Reserved<'_, Entry<K, V>, St>>,
        node: Option<*mut Node<V>>,
    ) -> InsertOutcome<'p, K, V>
    where
        K: Eq,
    {
        let Some(table) = self.snapshot(pin).table.or_else(|| self.first_table()) else {
            return InsertOutcome::Rejected(self.full_or_busy());
        };
        match self.probe_outlined(Some(table), hash, &mut |other| key.as_ref() == Some(other)) {
            // SAFETY: from `read`, under the pin.
            Some(handle) => self.revive_locked(unsafe { self.entry(handle) }, node),
            // SAFETY: a new entry of this storage, under the lock.
            None => self.insert_at(|entry| unsafe { table.index().link(hash, entry) }, hash, key, memory, node),
        }
    }

    /// Makes the table, under the lock.
    #[cfg_attr(not(small), cold)]
    fn first_table(&self) -> Option<&Table<St::Index>> {
        // (Of any capacity: they are all of one size.)
        let word = self.storage.table(0)?.publish();
        self.read.store(word, Ordering::SeqCst);
        // SAFETY: `read` changes under the lock only.
        unsafe { self.table(word) }
    }

    /// Takes an entry out of the table if it is DELETED and the lock can be had. Then it goes where its last node goes,
    /// if the caller has that to retire, or is retired.
    ///
    /// # Safety
    ///
    /// The entry is from `read`, under a pin that is still there; the node was in its slot.
    #[inline(never)]
    pub(crate) unsafe fn unlink<A: Acquire>(&self, entry: &Entry<K, V>, node: Option<&Unlinked<'_, K, V, St, L>>) {
        // SAFETY: an entry of this storage (the caller's promise), which with a limit needs the address only.
        let handle = unsafe { self.storage.handle_at(ptr::from_ref(entry).cast_mut()) };
        // (Should the lock not be had, the entry stays.)
        let _ = self.section::<A, _>(|_| {
            // SAFETY: `read` changes under the lock only. (Should it have changed, and the entry be in it no longer,
            // the entry is with what a `clear` retires.)
            let read = unsafe { self.table(self.read.load(Ordering::SeqCst)) };
            // SAFETY: under the caller's pin, and under the lock.
            let unlinked = read.is_some_and(|read| unsafe {
                read.index().unlink(self.hash_of(handle), handle, || entry.expunge().is_ok())
            });
            if unlinked {
                // Here, for nothing else leads to it any more, even if unlocking panics.
                // SAFETY: EXPUNGED, by this caller, and no table leads to it; the node was in its slot (the caller's
                // promise).
                unsafe {
                    match node {
                        Some(node) => node.join(handle),
                        None => self.garbage.retire_entry(&self.storage, &self.readers, handle),
                    }
                }
            }
        });
    }

    /// Takes out of the table what was removed while somebody else had the lock.
    #[inline(never)]
    pub(crate) fn sweep<A: Acquire>(&self) {
        let pin = self.pin();
        let Some(table) = self.snapshot(&pin).table else { return };
        for handle in table.index().entries() {
            // SAFETY: from `read`, under the pin.
            let entry = unsafe { self.entry(handle) };
            if let State::Deleted = entry.state() {
                // SAFETY: as above.
                unsafe { self.unlink::<A>(entry, None) };
            }
        }
    }
}
