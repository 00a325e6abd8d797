//! What the comparison is with: a plain map in a critical section, which does what the program needs of a `SyncMap`.

use core::cell::RefCell;
use core::ops::Deref;

use critical_section::Mutex;
use heapless::index_map::FnvIndexMap;
use twinmap::{CriticalSectionLock, ErrorKind, Garbage, InsertError};

/// A power of two, and twice as many as there are identifiers: a map that is nearly full is slow.
const SLOTS: usize = 128;

type Plain<V> = FnvIndexMap<u32, V, SLOTS>;

/// Of `N` keys.
pub struct Map<V, const N: usize>(Mutex<RefCell<Plain<V>>>);

/// What was looked up is copied, for the critical section to end.
pub struct Copied<V>(V);

impl<V> Deref for Copied<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0
    }
}

impl<V: Copy, const N: usize> Map<V, N> {
    pub const fn with_lock(_: CriticalSectionLock) -> Self {
        Self(Mutex::new(RefCell::new(FnvIndexMap::new())))
    }

    pub fn get(&self, key: &u32) -> Option<Copied<V>> {
        critical_section::with(|cs| self.0.borrow_ref(cs).get(key).copied()).map(Copied)
    }

    pub fn try_insert(&self, key: u32, value: V) -> Result<Option<V>, InsertError<u32, V>> {
        let inserted = critical_section::with(|cs| self.0.borrow_ref_mut(cs).insert(key, value));
        inserted.map_err(|(key, value)| InsertError { key, value, kind: ErrorKind::Full })
    }

    pub fn remove(&self, key: &u32) -> Option<V> {
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).remove(key))
    }

    pub fn len(&self) -> usize {
        critical_section::with(|cs| self.0.borrow_ref(cs).len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn pin(&self) -> pinned::Pinned<'_, V, N> {
        pinned::Pinned::new(self)
    }

    pub fn promotions(&self) -> usize {
        0
    }

    pub fn garbage(&self) -> Garbage {
        Garbage::default()
    }

    pub fn reclaim(&self) {}
}

/// An iteration is one critical section, with all that is done with what comes.
#[cfg(not(feature = "snapshot"))]
mod pinned {
    use core::cell::Ref;

    use critical_section::{CriticalSection, RestoreState};

    use super::{Map, Plain};

    /// The map goes before the section ends.
    pub struct Pinned<'a, V, const N: usize> {
        map: Ref<'a, Plain<V>>,
        _section: Section,
    }

    struct Section(RestoreState);

    impl<'a, V, const N: usize> Pinned<'a, V, N> {
        pub fn new(map: &'a Map<V, N>) -> Self {
            // SAFETY: the guards are variables in blocks, so that sections end in the reverse order.
            let section = Section(unsafe { critical_section::acquire() });
            // SAFETY: this is in the section, and the borrow does not outlive it.
            let cs = unsafe { CriticalSection::new() };
            Self { map: map.0.borrow_ref(cs), _section: section }
        }

        pub fn iter(&self) -> impl Iterator<Item = (&u32, &V)> {
            self.map.iter()
        }
    }

    impl Drop for Section {
        fn drop(&mut self) {
            // SAFETY: acquired by `Pinned::new`.
            unsafe { critical_section::release(self.0) };
        }
    }
}

/// An iteration copies the map, in a critical section, and goes on without one.
#[cfg(feature = "snapshot")]
mod pinned {
    use core::marker::PhantomData;

    use super::Map;

    pub struct Pinned<'a, V, const N: usize> {
        entries: heapless::Vec<(u32, V), N>,
        _map: PhantomData<&'a Map<V, N>>,
    }

    impl<'a, V: Copy, const N: usize> Pinned<'a, V, N> {
        pub fn new(map: &'a Map<V, N>) -> Self {
            let mut entries = heapless::Vec::new();
            critical_section::with(|cs| entries.extend(map.0.borrow_ref(cs).iter().map(|(key, value)| (*key, *value))));
            Self { entries, _map: PhantomData }
        }

        pub fn iter(&self) -> impl Iterator<Item = (&u32, &V)> {
            self.entries.iter().map(|(key, value)| (key, value))
        }
    }
}
