//! What needs exclusive access: mutable access to values, and taking everything out.

use core::borrow::BorrowMut;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use mutex_traits::ScopedRawMutex;

use crate::entry::State;
use crate::garbage::Effort;
use crate::lock::{Never, Wait};
use crate::map::{Core, Walk};
use crate::storage::{Index, Owned, Storage};
use crate::sync::Ordering;

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    pub(crate) fn get_mut(&mut self, hash: usize, eq: impl FnMut(&K) -> bool) -> Option<&mut V> {
        let pin = self.pin();
        let found = Never::unwrap(self.find::<Wait>(&pin, hash, eq));
        let State::Live(node) = found?.state() else { return None };
        drop(pin);
        // The lookup may have promoted.
        self.collect(Effort::ALL);
        // SAFETY: the node is in a slot, and access is exclusive.
        Some(unsafe { &mut (*self.storage.locate(node)).value })
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// Takes an entry out of `read`, the first one from bucket `from` on. There is no `dirty`.
    fn take_next(&mut self, from: &mut usize) -> Option<(K, V)> {
        let read = self.read.load(Ordering::SeqCst);
        if read.is_null() {
            return None;
        }
        // SAFETY: access is exclusive.
        let index = unsafe { &mut *self.storage.locate(read) }.index_mut();
        while *from < index.buckets() {
            let Some(handle) = index.bucket(*from) else {
                *from += 1;
                continue;
            };
            // SAFETY: an entry of the table.
            let hash = unsafe { self.hash_of(handle) };
            // (What comes after it in the bucket, if anything does, is the first one then.)
            index.remove(hash, handle);
            // SAFETY: nothing leads to the entry any more.
            let entry = unsafe { Owned::new(&self.storage, handle) }.take();
            if let State::Live(node) = entry.state() {
                self.count.unclaim();
                // SAFETY: the node was in the slot of an entry that is ours.
                return Some((entry.key, unsafe { Owned::new(&self.storage, node) }.take().value));
            }
        }
        None
    }
}

/// An iterator with mutable access to the values, made by [`TwinMap::iter_mut`](crate::TwinMap::iter_mut).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct IterMut<'a, K, V, St: Storage<K, V>> {
    walk: Walk<'a, K, V, St>,
    left: usize,
    _values: PhantomData<&'a mut V>,
}

/// An iterator that owns what was in a map, made by `into_iter`.
///
/// ```
/// let map = twinmap::SyncMap::from([(1, "a".to_owned())]);
/// let entries: Vec<(i32, String)> = map.into_iter().collect();
/// assert_eq!(entries, [(1, "a".to_owned())]);
/// ```
pub struct IntoIter<K, V, St: Storage<K, V>, L> {
    contents: Contents<K, V, St, L, Core<K, V, St, L>>,
}

/// An iterator that takes everything out of a map, made by [`TwinMap::drain`](crate::TwinMap::drain).
pub struct Drain<'a, K, V, St: Storage<K, V>, L> {
    contents: Contents<K, V, St, L, &'a mut Core<K, V, St, L>>,
}

/// What is yet to be taken out of a map that is ours.
struct Contents<K, V, St: Storage<K, V>, L, M: BorrowMut<Core<K, V, St, L>>> {
    core: M,
    next: usize,
    _core: PhantomData<Core<K, V, St, L>>,
}

// SAFETY: it gives `&K` and `&mut V`.
unsafe impl<K: Sync, V: Send, St: Storage<K, V>> Send for IterMut<'_, K, V, St> {}
// SAFETY: a shared one gives counts, and `&K` and `&V` (`Debug`).
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

impl<K, V, St: Storage<K, V>, L, M: BorrowMut<Core<K, V, St, L>>> Contents<K, V, St, L, M> {
    fn new(mut core: M) -> Self {
        core.borrow_mut().promote_mut();
        Self { core, next: 0, _core: PhantomData }
    }

    fn left(&self) -> usize {
        self.core.borrow().count.get()
    }

    fn next(&mut self) -> Option<(K, V)> {
        self.core.borrow_mut().take_next(&mut self.next)
    }
}

impl<K, V, St: Storage<K, V>, L> IntoIter<K, V, St, L> {
    pub(crate) fn new(core: Core<K, V, St, L>) -> Self {
        Self { contents: Contents::new(core) }
    }
}

impl<'a, K, V, St: Storage<K, V>, L> Drain<'a, K, V, St, L> {
    pub(crate) fn new(core: &'a mut Core<K, V, St, L>) -> Self {
        Self { contents: Contents::new(core) }
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

impl<K, V, St: Storage<K, V>, L, M: BorrowMut<Core<K, V, St, L>>> Drop for Contents<K, V, St, L, M> {
    fn drop(&mut self) {
        /// Drops the rest when dropping one of them panics, and the table in the end.
        struct Rest<'a, K, V, St: Storage<K, V>, L, M: BorrowMut<Core<K, V, St, L>>>(&'a mut Contents<K, V, St, L, M>);

        impl<K, V, St: Storage<K, V>, L, M: BorrowMut<Core<K, V, St, L>>> Drop for Rest<'_, K, V, St, L, M> {
            fn drop(&mut self) {
                while self.0.next().is_some() {}
                self.0.core.borrow_mut().empty();
            }
        }

        let rest = Rest(self);
        while rest.0.next().is_some() {}
    }
}

impl<K, V, St: Storage<K, V>, L> Iterator for IntoIter<K, V, St, L> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.contents.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.contents.left(), Some(self.contents.left()))
    }
}

impl<K, V, St: Storage<K, V>, L> Iterator for Drain<'_, K, V, St, L> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.contents.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.contents.left(), Some(self.contents.left()))
    }
}

impl<K, V, St: Storage<K, V>> ExactSizeIterator for IterMut<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>, L> ExactSizeIterator for IntoIter<K, V, St, L> {}
impl<K, V, St: Storage<K, V>, L> ExactSizeIterator for Drain<'_, K, V, St, L> {}
impl<K, V, St: Storage<K, V>> FusedIterator for IterMut<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>, L> FusedIterator for IntoIter<K, V, St, L> {}
impl<K, V, St: Storage<K, V>, L> FusedIterator for Drain<'_, K, V, St, L> {}

impl<K: fmt::Debug, V: fmt::Debug, St: Storage<K, V>> fmt::Debug for IterMut<'_, K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it has given out is not looked at.
        f.debug_list().entries(self.walk.clone()).finish()
    }
}

impl<K, V, St: Storage<K, V>, L> fmt::Debug for IntoIter<K, V, St, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").field("left", &self.contents.left()).finish_non_exhaustive()
    }
}

impl<K, V, St: Storage<K, V>, L> fmt::Debug for Drain<'_, K, V, St, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.contents.left()).finish_non_exhaustive()
    }
}
