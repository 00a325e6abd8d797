//! Iterators over a pinned map.

use core::fmt;
use core::iter::FusedIterator;

use crate::map::Walk;
use crate::storage::Storage;

/// An iterator over keys and values, made by [`Pinned::iter`](crate::Pinned::iter).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Iter<'p, K, V, St: Storage<K, V>> {
    walk: Walk<'p, K, V, St>,
}

/// An iterator over keys, made by [`Pinned::keys`](crate::Pinned::keys).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Keys<'p, K, V, St: Storage<K, V>> {
    iter: Iter<'p, K, V, St>,
}

/// An iterator over values, made by [`Pinned::values`](crate::Pinned::values).
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Values<'p, K, V, St: Storage<K, V>> {
    iter: Iter<'p, K, V, St>,
}

// SAFETY: it gives `&K` and `&V`, and reads a table that does not change, or is atomic.
unsafe impl<K: Sync, V: Sync, St: Storage<K, V>> Send for Iter<'_, K, V, St> {}
// SAFETY: as above; what a shared iterator is for is to be cloned, and shown.
unsafe impl<K: Sync, V: Sync, St: Storage<K, V>> Sync for Iter<'_, K, V, St> {}

impl<'p, K, V, St: Storage<K, V>> Iter<'p, K, V, St> {
    pub(crate) fn new(walk: Walk<'p, K, V, St>) -> Self {
        Self { walk }
    }
}

impl<'p, K, V, St: Storage<K, V>> Keys<'p, K, V, St> {
    pub(crate) fn new(iter: Iter<'p, K, V, St>) -> Self {
        Self { iter }
    }
}

impl<'p, K, V, St: Storage<K, V>> Values<'p, K, V, St> {
    pub(crate) fn new(iter: Iter<'p, K, V, St>) -> Self {
        Self { iter }
    }
}

impl<'p, K, V, St: Storage<K, V>> Iterator for Iter<'p, K, V, St> {
    type Item = (&'p K, &'p V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.walk.size_hint()
    }
}

impl<'p, K, V, St: Storage<K, V>> Iterator for Keys<'p, K, V, St> {
    type Item = &'p K;

    #[inline]
    fn next(&mut self) -> Option<&'p K> {
        self.iter.next().map(|(key, _)| key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<'p, K, V, St: Storage<K, V>> Iterator for Values<'p, K, V, St> {
    type Item = &'p V;

    #[inline]
    fn next(&mut self) -> Option<&'p V> {
        self.iter.next().map(|(_, value)| value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<K, V, St: Storage<K, V>> FusedIterator for Iter<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>> FusedIterator for Keys<'_, K, V, St> {}
impl<K, V, St: Storage<K, V>> FusedIterator for Values<'_, K, V, St> {}

impl<K, V, St: Storage<K, V>> Clone for Iter<'_, K, V, St> {
    fn clone(&self) -> Self {
        Self { walk: self.walk.clone() }
    }
}

impl<K, V, St: Storage<K, V>> Clone for Keys<'_, K, V, St> {
    fn clone(&self) -> Self {
        Self { iter: self.iter.clone() }
    }
}

impl<K, V, St: Storage<K, V>> Clone for Values<'_, K, V, St> {
    fn clone(&self) -> Self {
        Self { iter: self.iter.clone() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, St: Storage<K, V>> fmt::Debug for Iter<'_, K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<K: fmt::Debug, V, St: Storage<K, V>> fmt::Debug for Keys<'_, K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<K, V: fmt::Debug, St: Storage<K, V>> fmt::Debug for Values<'_, K, V, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
