//! What needs exclusive access: mutable access to values, and taking everything out.

use core::borrow::Borrow;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::mem;

use mutex_traits::ScopedRawMutex;

use crate::dirty::Detached;
use crate::entry::State;
use crate::map::{Core, Never, Wait, Walk};
use crate::storage::{Index, Owned, Storage, Table, new_storage, resolve};
use crate::sync::Ordering;

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    pub(crate) fn get_mut(&mut self, hash: usize, eq: impl FnMut(&K) -> bool) -> Option<&mut V> {
        let pin = self.pin();
        let found = Never::unwrap(self.find::<Wait>(&pin, hash, eq));
        let node = found?.node?;
        drop(pin);
        // The lookup may have promoted.
        self.collect();
        // SAFETY: the node is in a slot, and access is exclusive.
        Some(unsafe { &mut (*self.storage.locate(node)).value })
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// Completes `read`, and takes it out: the map is empty then. Also how many live entries the table has.
    fn take_all(&mut self) -> (*mut Table<St::Index>, usize) {
        self.promote_mut();
        // SAFETY: access is exclusive. There is no `dirty` any more.
        let Detached { read, .. } = self.dirty.with_mut(|dirty| unsafe { self.detach(&mut *dirty) });
        (read, self.count.reset())
    }
}

/// An iterator with mutable access to the values, made by [`TwinMap::iter_mut`](crate::TwinMap::iter_mut).
pub struct IterMut<'a, K, V, St: Storage<K, V>> {
    walk: Walk<'a, K, V, St>,
    left: usize,
    _values: PhantomData<&'a mut V>,
}

/// An iterator that owns what was in a map, made by `into_iter`.
pub struct IntoIter<K, V, St: Storage<K, V>> {
    contents: Contents<K, V, St, St>,
}

/// An iterator that takes everything out of a map, made by [`TwinMap::drain`](crate::TwinMap::drain).
pub struct Drain<'a, K, V, St: Storage<K, V>> {
    contents: Contents<K, V, St, &'a St>,
}

/// A table that no map leads to any more, and all that it leads to.
struct Contents<K, V, St: Storage<K, V>, B: Borrow<St>> {
    storage: B,
    /// Null, or a table of the storage.
    table: *mut Table<St::Index>,
    next: usize,
    left: usize,
    _entries: PhantomData<(K, V)>,
}

// SAFETY: it owns keys and values, and what else it points to is its own.
unsafe impl<K: Send, V: Send, St: Storage<K, V>, B: Borrow<St>> Send for Contents<K, V, St, B> {}
// SAFETY: a shared one gives nothing but counts.
unsafe impl<K: Sync, V: Sync, St: Storage<K, V>, B: Borrow<St>> Sync for Contents<K, V, St, B> {}
// SAFETY: it gives `&K` and `&mut V`.
unsafe impl<K: Sync, V: Send, St: Storage<K, V>> Send for IterMut<'_, K, V, St> {}
// SAFETY: a shared one gives nothing but counts.
unsafe impl<K: Sync, V: Sync, St: Storage<K, V>> Sync for IterMut<'_, K, V, St> {}

impl<'a, K, V, St: Storage<K, V>> IterMut<'a, K, V, St> {
    pub(crate) fn new<L>(core: &'a mut Core<K, V, St, L>) -> Self {
        core.promote_mut();
        let core = &*core;
        let word = core.read.load(Ordering::SeqCst);
        // SAFETY: access is exclusive during `'a`.
        let walk = unsafe { Walk::new(&core.storage, core.table(word)) };
        Self { walk, left: core.count.get(), _values: PhantomData }
    }
}

impl<K, V, St: Storage<K, V>> IntoIter<K, V, St> {
    pub(crate) fn new<L>(mut core: Core<K, V, St, L>) -> Self {
        let (table, left) = core.take_all();
        let storage = mem::replace(&mut core.storage, new_storage());
        let iter = Self { contents: Contents { storage, table, next: 0, left, _entries: PhantomData } };
        // What is left in there is garbage. Now, so that a destructor in it that panics finds the rest owned by `iter`.
        drop(core);
        iter
    }
}

impl<'a, K, V, St: Storage<K, V>> Drain<'a, K, V, St> {
    pub(crate) fn new<L>(core: &'a mut Core<K, V, St, L>) -> Self {
        let (table, left) = core.take_all();
        Self { contents: Contents { storage: &core.storage, table, next: 0, left, _entries: PhantomData } }
    }
}

impl<'a, K, V, St: Storage<K, V>> Iterator for IterMut<'a, K, V, St> {
    type Item = (&'a K, &'a mut V);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, node) = self.walk.next_node()?;
        self.left -= 1;
        // SAFETY: access is exclusive, and each node is in one slot only.
        Some((key, unsafe { &mut (*self.walk.storage().locate(node)).value }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V, St: Storage<K, V>, B: Borrow<St>> Contents<K, V, St, B> {
    fn next(&mut self) -> Option<(K, V)> {
        if self.table.is_null() {
            return None;
        }
        let storage = self.storage.borrow();
        // SAFETY: the table is ours.
        let index = unsafe { resolve(storage, self.table) }.index();
        while self.next < index.buckets() {
            let handle = index.bucket(self.next);
            self.next += 1;
            let Some(handle) = handle else { continue };
            // SAFETY: the entry is ours, and each bucket is looked at once.
            let entry = unsafe { Owned::new(storage, handle) }.take();
            if let State::Live(node) = entry.state() {
                self.left -= 1;
                // SAFETY: the node was in the slot of our entry.
                return Some((entry.key, unsafe { Owned::new(storage, node) }.take().value));
            }
        }
        None
    }
}

impl<K, V, St: Storage<K, V>, B: Borrow<St>> Drop for Contents<K, V, St, B> {
    fn drop(&mut self) {
        /// Drops the rest when dropping one of them panics, and the table in the end.
        struct Rest<'a, K, V, St: Storage<K, V>, B: Borrow<St>>(&'a mut Contents<K, V, St, B>);

        impl<K, V, St: Storage<K, V>, B: Borrow<St>> Drop for Rest<'_, K, V, St, B> {
            fn drop(&mut self) {
                while self.0.next().is_some() {}
                if !self.0.table.is_null() {
                    // SAFETY: the table is ours, and nothing is in it any more.
                    drop(unsafe { Owned::new(self.0.storage.borrow(), self.0.table) });
                }
            }
        }

        let rest = Rest(self);
        while rest.0.next().is_some() {}
    }
}

impl<K, V, St: Storage<K, V>> Iterator for IntoIter<K, V, St> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.contents.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.contents.left, Some(self.contents.left))
    }
}

impl<K, V, St: Storage<K, V>> Iterator for Drain<'_, K, V, St> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.contents.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.contents.left, Some(self.contents.left))
    }
}

impl<K, V, St: Storage<K, V>> ExactSizeIterator for IterMut<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>> ExactSizeIterator for IntoIter<K, V, St> {}
impl<K, V, St: Storage<K, V>> ExactSizeIterator for Drain<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>> FusedIterator for IterMut<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>> FusedIterator for IntoIter<K, V, St> {}
impl<K, V, St: Storage<K, V>> FusedIterator for Drain<'_, K, V, St> {}

impl<K: fmt::Debug, V: fmt::Debug, St: Storage<K, V>> fmt::Debug for IterMut<'_, K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it has given out is not looked at.
        f.debug_list().entries(self.walk.clone()).finish()
    }
}

impl<K, V, St: Storage<K, V>> fmt::Debug for IntoIter<K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").field("left", &self.contents.left).finish_non_exhaustive()
    }
}

impl<K, V, St: Storage<K, V>> fmt::Debug for Drain<'_, K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.contents.left).finish_non_exhaustive()
    }
}
