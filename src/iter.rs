//! Iterators over a pinned map.

use core::fmt;
use core::iter::FusedIterator;

use crate::map::Walk;
use crate::storage::heap::Heap;

/// An iterator over keys and values, made by [`Pinned::iter`](crate::Pinned::iter).
pub struct Iter<'p, K, V> {
    walk: Walk<'p, K, V, Heap<K, V>>,
}

/// An iterator over keys, made by [`Pinned::keys`](crate::Pinned::keys).
pub struct Keys<'p, K, V> {
    iter: Iter<'p, K, V>,
}

/// An iterator over values, made by [`Pinned::values`](crate::Pinned::values).
pub struct Values<'p, K, V> {
    iter: Iter<'p, K, V>,
}

// SAFETY: it gives `&K` and `&V`, and reads a table that does not change.
unsafe impl<K: Sync, V: Sync> Send for Iter<'_, K, V> {}
// SAFETY: as above; a shared iterator can be cloned only.
unsafe impl<K: Sync, V: Sync> Sync for Iter<'_, K, V> {}

impl<'p, K, V> Iter<'p, K, V> {
    pub(crate) fn new(walk: Walk<'p, K, V, Heap<K, V>>) -> Self {
        Self { walk }
    }
}

impl<'p, K, V> Keys<'p, K, V> {
    pub(crate) fn new(iter: Iter<'p, K, V>) -> Self {
        Self { iter }
    }
}

impl<'p, K, V> Values<'p, K, V> {
    pub(crate) fn new(iter: Iter<'p, K, V>) -> Self {
        Self { iter }
    }
}

impl<'p, K, V> Iterator for Iter<'p, K, V> {
    type Item = (&'p K, &'p V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.walk.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.walk.size_hint()
    }
}

impl<'p, K, V> Iterator for Keys<'p, K, V> {
    type Item = &'p K;

    #[inline]
    fn next(&mut self) -> Option<&'p K> {
        self.iter.next().map(|(key, _)| key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<'p, K, V> Iterator for Values<'p, K, V> {
    type Item = &'p V;

    #[inline]
    fn next(&mut self) -> Option<&'p V> {
        self.iter.next().map(|(_, value)| value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<K, V> FusedIterator for Iter<'_, K, V> {}
impl<K, V> FusedIterator for Keys<'_, K, V> {}
impl<K, V> FusedIterator for Values<'_, K, V> {}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { walk: self.walk.clone() }
    }
}

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Self { iter: self.iter.clone() }
    }
}

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Self { iter: self.iter.clone() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Keys<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<K, V: fmt::Debug> fmt::Debug for Values<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
