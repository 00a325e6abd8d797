//! Guards that are held over several steps, with what was found under them.

use std::collections::BTreeSet;
use std::rc::Rc;

use twinmap::{Iter, Pinned};

use crate::item::Item;
use crate::view::{Lock, Map, Subject};

/// So many references are looked at, after each step.
const MOST_SEEN: usize = 8;

pub struct Held<'m, St: Subject, L> {
    // These borrow the guard, and so are dropped before it.
    seen: Vec<(&'m Item, u32)>,
    pub walk: Option<Walk<'m, St>>,
    guard: Rc<Pinned<'m, Map<St, L>>>,
}

/// An iterator, and which keys it has to give out, and has given out.
pub struct Walk<'m, St: Subject> {
    iter: Iter<'m, Item, Item, St>,
    must: BTreeSet<u32>,
    given: BTreeSet<u32>,
}

impl<'m, St: Subject, L: Lock> Held<'m, St, L> {
    pub fn new(map: &'m Map<St, L>) -> Self {
        Self { seen: Vec::new(), walk: None, guard: Rc::new(map.pin()) }
    }

    /// The guard. What is found under it is kept in here, or dropped before this is.
    pub fn guard(&self) -> &'m Pinned<'m, Map<St, L>> {
        // SAFETY: it stays where it is until this is dropped, and nothing that borrows it is used after that.
        unsafe { &*Rc::as_ptr(&self.guard) }
    }

    pub fn see(&mut self, value: &'m Item) {
        if self.seen.len() < MOST_SEEN {
            self.seen.push((value, value.id()));
        }
    }

    /// What was found is what it was.
    pub fn check(&self) {
        self.seen.iter().for_each(|(value, id)| assert_eq!(value.id(), *id));
    }

    pub fn begin_walk(&mut self, keys: impl Iterator<Item = u32>) {
        self.walk = Some(Walk { iter: self.guard().iter(), must: keys.collect(), given: BTreeSet::new() });
    }
}

impl<St: Subject> Walk<'_, St> {
    /// A key is not there throughout.
    pub fn excuse(&mut self, key: u32) {
        self.must.remove(&key);
    }

    /// The next key and its value; at the end, all have been given out.
    pub fn next(&mut self) -> Option<(u32, u32)> {
        let Some((key, value)) = self.iter.next() else {
            assert!(self.must.is_subset(&self.given), "{:?} of {:?}", self.given, self.must);
            return None;
        };
        assert!(self.given.insert(key.id()), "{} was given out twice", key.id());
        Some((key.id(), value.id()))
    }
}
