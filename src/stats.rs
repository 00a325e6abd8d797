//! Figures for tuning: what a map has done, and how far it is with what it is doing.
//!
//! Counting lookups and keeping high-water marks costs read-modify-writes, so it takes the feature `stats`; without it
//! [`Counters`] is empty, and so are its functions.

use crate::garbage::Garbage;
use crate::sync::const_fn;
#[cfg(feature = "stats")]
use crate::sync::{AtomicUsize, Ordering::Relaxed};

/// What a map has done, and how far it is: [`TwinMap::stats`](crate::TwinMap::stats).
///
/// While others use the map, the figures are not all of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Stats {
    /// The keys.
    pub len: usize,
    /// How many times a table was promoted, that is, how often the lock-free part of the map was renewed;
    /// it wraps. Never, in a `FixedMap`.
    pub promotions: usize,
    /// How far the next promotion is prepared. `None` when no key is recent, and also when the lock is held at the
    /// moment, which `stats` does not wait for.
    pub copy: Option<CopyProgress>,
    /// What was unlinked and is not freed yet.
    pub garbage: Garbage,
    /// Lookups that found their key, since the map was made; it wraps. Lookups are `get`, `contains_key` and
    /// their like, and what `get_or_insert` begins with; those that would have had to wait are not counted.
    #[cfg(feature = "stats")]
    pub hits: usize,
    /// Lookups that did not; it wraps.
    #[cfg(feature = "stats")]
    pub misses: usize,
    /// How many times the lock was taken, for whatever operation, `stats` among them; it wraps. When it grows as fast
    /// as `hits + misses`, keys are looked up that are absent or recent (not in a `FixedMap`, which does that without
    /// the lock): see [`promote`](crate::TwinMap::promote).
    #[cfg(feature = "stats")]
    pub locked: usize,
    /// The most keys that there were at the end of a write, those included that were about to be.
    #[cfg(feature = "stats")]
    pub peak_len: usize,
    /// The most objects that waited at the end of a write, after it had freed what it could: values, keys and tables
    /// together, and without what a guard of a write still owns. On a host it is approximate. Of a `FixedMap`, a large
    /// one asks for a larger `SPARE`, or shorter pins.
    #[cfg(feature = "stats")]
    pub peak_garbage: usize,
}

/// How far the table for the next promotion is: what [`TwinMap::stats`](crate::TwinMap::stats) says of the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct CopyProgress {
    /// Buckets of the present table whose entries are copied.
    pub done: usize,
    /// All of its buckets.
    pub buckets: usize,
}

/// What is counted as the map is used. In no way ordered with anything else.
pub(crate) struct Counters {
    #[cfg(feature = "stats")]
    hits: AtomicUsize,
    #[cfg(feature = "stats")]
    misses: AtomicUsize,
    #[cfg(feature = "stats")]
    locked: AtomicUsize,
    #[cfg(feature = "stats")]
    peak_len: AtomicUsize,
    #[cfg(feature = "stats")]
    peak_garbage: AtomicUsize,
}

impl Counters {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                #[cfg(feature = "stats")]
                hits: AtomicUsize::new(0),
                #[cfg(feature = "stats")]
                misses: AtomicUsize::new(0),
                #[cfg(feature = "stats")]
                locked: AtomicUsize::new(0),
                #[cfg(feature = "stats")]
                peak_len: AtomicUsize::new(0),
                #[cfg(feature = "stats")]
                peak_garbage: AtomicUsize::new(0),
            }
        }
    }

    /// All figures: these, and those that the map has anyhow.
    pub(crate) fn stats(&self, len: usize, promotions: usize, copy: Option<CopyProgress>, garbage: Garbage) -> Stats {
        Stats {
            len,
            promotions,
            copy,
            garbage,
            #[cfg(feature = "stats")]
            hits: self.hits.load(Relaxed),
            #[cfg(feature = "stats")]
            misses: self.misses.load(Relaxed),
            #[cfg(feature = "stats")]
            locked: self.locked.load(Relaxed),
            #[cfg(feature = "stats")]
            peak_len: self.peak_len.load(Relaxed),
            #[cfg(feature = "stats")]
            peak_garbage: self.peak_garbage.load(Relaxed),
        }
    }
}

#[cfg(feature = "stats")]
impl Counters {
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    pub(crate) fn locked(&self) {
        self.locked.fetch_add(1, Relaxed);
    }

    /// At the end of a write: the keys, and what waits.
    pub(crate) fn at_end_of_write(&self, of: impl FnOnce() -> (usize, Garbage)) {
        let (len, Garbage { values, entries, tables }) = of();
        self.peak_len.fetch_max(len, Relaxed);
        self.peak_garbage.fetch_max(values + entries + tables, Relaxed);
    }
}

#[cfg(not(feature = "stats"))]
#[rustfmt::skip]
impl Counters {
    #[inline(always)] pub(crate) fn hit(&self) {}
    #[inline(always)] pub(crate) fn miss(&self) {}
    #[inline(always)] pub(crate) fn locked(&self) {}
    #[inline(always)] pub(crate) fn at_end_of_write(&self, _: impl FnOnce() -> (usize, Garbage)) {}
}
