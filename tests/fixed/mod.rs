//! A [`FixedMap`] as the suite expects a map: with room enough, and what has to succeed returns no `Result`.

use std::boxed::Box;
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};
#[cfg(not(shuttle))]
use std::thread;

#[cfg(shuttle)]
use shuttle::thread;

use twinmap::storage::Inline;
use twinmap::{Equivalent, ErrorKind, FixedMap, FxBuildHasher, InsertError, IntoIter, Iter, Ref, ScopedRawMutex};

/// For the test with most keys, and the one with most values that are overwritten under a pin. (In shuttle's schedules
/// each bucket is a step, or more. To Miri, whatever looks at a table looks at all of it.)
const fn room(shuttle: usize, miri: usize, target: usize, host: usize) -> usize {
    if cfg!(shuttle) {
        shuttle
    } else if cfg!(miri) {
        miri
    } else if cfg!(target_os = "none") {
        target
    } else {
        host
    }
}

const N: usize = room(4, 64, 128, 512);
const SPARE: usize = room(8, 160, 256, 1_200);

type Inner<K, V, L, S> = FixedMap<K, V, N, L, SPARE, S>;

/// In a box, for tests move it a lot.
pub struct Map<K, V, L, S = FxBuildHasher>(Box<Inner<K, V, L, S>>);

pub struct Pinned<'a, K, V, L, S>(twinmap::Pinned<'a, Inner<K, V, L, S>>);

impl<K, V, L, S> Map<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    pub fn insert(&self, key: K, value: V) -> Option<Ref<'_, K, V>> {
        let inserted = patiently((key, value), |(key, value)| {
            self.0.insert(key, value).map_err(|InsertError { key, value, kind }| ((key, value), kind))
        });
        inserted.unwrap_or_else(|kind| panic!("{kind}"))
    }

    pub fn get_or_insert(&self, key: K, value: V) -> Ref<'_, K, V> {
        self.get_or_insert_with(key, || value)
    }

    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> Ref<'_, K, V> {
        let inserted = self.0.get_or_insert_with(key, f).or_else(|InsertError { key, value, kind }| {
            assert_eq!(kind, ErrorKind::Busy);
            patiently((key, value), |(key, value)| {
                self.0.get_or_insert(key, value).map_err(|InsertError { key, value, kind }| ((key, value), kind))
            })
        });
        inserted.unwrap_or_else(|kind| panic!("{kind}"))
    }

    pub fn update<Q>(&self, key: &Q, mut f: impl FnMut(&V) -> V) -> Option<Ref<'_, K, V>>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let updated = patiently((), |()| self.0.update(key, &mut f).map_err(|kind| ((), kind)));
        updated.unwrap_or_else(|kind| panic!("{kind}"))
    }
    pub fn update_or_insert(&self, key: K, mut f: impl FnMut(&V) -> V, value: V) -> Ref<'_, K, V> {
        let done = patiently((key, value), |(key, value)| {
            let done = self.0.update_or_insert(key, &mut f, value);
            done.map_err(|InsertError { key, value, kind }| ((key, value), kind))
        });
        done.unwrap_or_else(|kind| panic!("{kind}"))
    }
}

/// Some ten seconds at least, where there are threads that can get out of the way.
const RETRIES: usize = if cfg!(target_os = "none") { 0 } else { 10_000_000 };

/// Runs `f` again while somebody who is pinned stands in the way. Not for ever: it may be the caller.
fn patiently<I, R>(mut input: I, mut f: impl FnMut(I) -> Result<R, (I, ErrorKind)>) -> Result<R, ErrorKind> {
    let mut retries = RETRIES;
    loop {
        match f(input) {
            Err((back, ErrorKind::Busy)) if retries > 0 => input = back,
            done => return done.map_err(|(_, kind)| kind),
        }
        retries -= 1;
        thread::yield_now();
    }
}

impl<K, V, L> Map<K, V, L> {
    pub fn with_lock(lock: L) -> Self {
        Self(Box::new(FixedMap::with_lock(lock)))
    }
}

impl<K, V, L, S> Map<K, V, L, S> {
    pub fn pin(&self) -> Pinned<'_, K, V, L, S> {
        Pinned(self.0.pin())
    }
}

impl<K, V, L, S> Pinned<'_, K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex,
    S: BuildHasher,
{
    pub fn insert(&self, key: K, value: V) -> Option<&V> {
        self.0.insert(key, value).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.0.get_or_insert(key, value).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> &V {
        self.0.get_or_insert_with(key, f).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn update<Q>(&self, key: &Q, f: impl FnMut(&V) -> V) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.0.update(key, f).unwrap_or_else(|kind| panic!("{kind}"))
    }

    pub fn update_or_insert(&self, key: K, f: impl FnMut(&V) -> V, value: V) -> &V {
        self.0.update_or_insert(key, f, value).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl<K, V, L, S> Deref for Map<K, V, L, S> {
    type Target = Inner<K, V, L, S>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V, L, S> DerefMut for Map<K, V, L, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<'a, K, V, L, S> Deref for Pinned<'a, K, V, L, S> {
    type Target = twinmap::Pinned<'a, Inner<K, V, L, S>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V, L: Default, S: Default> Default for Map<K, V, L, S> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<K, V, L, S> FromIterator<(K, V)> for Map<K, V, L, S>
where
    K: Eq + Hash,
    L: ScopedRawMutex + Default,
    S: BuildHasher + Default,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(Box::new(entries.into_iter().collect()))
    }
}

impl<K, V, L: ScopedRawMutex, S> IntoIterator for Map<K, V, L, S> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, Inline<K, V, N, SPARE>, L>;

    fn into_iter(self) -> Self::IntoIter {
        let map = *self.0;
        map.into_iter()
    }
}

impl<'p, K, V, L: ScopedRawMutex, S> IntoIterator for &'p Pinned<'_, K, V, L, S> {
    type Item = (&'p K, &'p V);
    type IntoIter = Iter<'p, K, V, Inline<K, V, N, SPARE>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<K: std::fmt::Debug, V: std::fmt::Debug, L: ScopedRawMutex, S> std::fmt::Debug for Map<K, V, L, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
