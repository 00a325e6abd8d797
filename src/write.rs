//! The operations that change the map, on top of what [`map`](crate::map) finds and [`dirty`](crate::dirty) does under
//! the lock.
//!
//! Insertion is in the module [`insert`](crate::insert). Of the others, a removal is one attempt at a time, too; those
//! that call closures of the user have one form: find the entry; attempt the transition of its slot, without the lock,
//! until it succeeds or the entry is no longer live; if the entry turned out to be EXPUNGED, start again. The closures
//! run between the look at the slot and the attempt, never under the lock. Each of these loops is lock-free: who has to
//! repeat an attempt was overtaken by somebody else's success.

use mutex_traits::ScopedRawMutex;

use crate::dirty::{Detached, Taken};
use crate::entry::{Entry, Node, State};
use crate::error::{CompareExchangeError, ErrorKind};
use crate::garbage::entry_link;
use crate::insert::{Why, value_of};
use crate::lock::{Acquire, Never, Try, Wait};
use crate::map::{Core, Snapshot, Unlinked};
use crate::readers::Pin;
use crate::storage::{Chain, Index, Owned, Storage};

/// What a removal took out, if the key was there.
type Removed<'p, K, V, St, L, E> = Result<Option<Unlinked<'p, K, V, St, L>>, E>;

/// How the attempts on one entry ended.
enum Edit<R> {
    Done(R),
    Absent,
    /// The key may have another entry.
    Expunged,
}

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    /// Attempts to remove a key. Returns its node.
    ///
    /// Most keys are in `read`, as for [`insert`](Self::insert).
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn remove<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        eq: &mut (impl FnMut(&K) -> bool + ?Sized),
    ) -> Removed<'p, K, V, St, L, Why<A::Error>> {
        let read = self.snapshot(pin);
        if let Some(entry) = self.lookup(pin, read.table, hash, &mut *eq) {
            match entry.state() {
                State::Live(current) => return self.delete(entry, current).map(Some).map_err(|_| Why::Again),
                State::Deleted => return Ok(None),
                State::Expunged => {}
            }
        }
        if !self.is_amended(read) {
            return Ok(None);
        }
        self.remove_locked::<A>(pin, read, hash, &mut |key| eq(key))
    }

    /// Goes on with a removal of which an attempt failed.
    #[cfg_attr(not(small), inline(never))]
    pub(crate) fn remove_again<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        mut why: Why<A::Error>,
        eq: &mut dyn FnMut(&K) -> bool,
    ) -> Removed<'p, K, V, St, L, A::Error> {
        loop {
            match why {
                Why::Error(error) => return Err(error),
                Why::Again | Why::NeedsTable(_) => match self.remove::<A>(pin, hash, eq) {
                    Ok(old) => return Ok(old),
                    Err(now) => why = now,
                },
            }
        }
    }

    /// Removes a key that is not in the table that was seen.
    #[cfg_attr(not(small), inline(never))]
    fn remove_locked<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        seen: Snapshot<'p, St::Index>,
        hash: usize,
        eq: &mut dyn FnMut(&K) -> bool,
    ) -> Removed<'p, K, V, St, L, Why<A::Error>> {
        let taken = self.locked::<A, _>(|dirty| self.take_locked(dirty, pin, seen, hash, eq));
        match taken.map_err(Why::Error)? {
            Taken::Nothing => Ok(None),
            Taken::Shared => Err(Why::Again),
            Taken::Own(entry) => {
                let old = entry.end();
                self.shrink();
                Ok(old)
            }
        }
    }

    /// Attempts something on the value of a key until it succeeds; `None` when the key is absent.
    ///
    /// `attempt` is given the entry and the node that its slot held, and returns what the slot holds instead if it
    /// was overtaken.
    fn edit<'p, A: Acquire, R>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        mut eq: impl FnMut(&K) -> bool,
        mut attempt: impl FnMut(&'p Entry<K, V>, *mut Node<V>) -> Result<R, State<V>>,
    ) -> Result<Option<R>, A::Error> {
        loop {
            let Some(entry) = self.find::<A>(pin, hash, &mut eq)? else { return Ok(None) };
            match self.edit_entry(entry, |current| attempt(entry, current)) {
                Edit::Done(result) => return Ok(Some(result)),
                Edit::Absent => return Ok(None),
                Edit::Expunged => {}
            }
        }
    }

    fn edit_entry<R>(
        &self,
        entry: &Entry<K, V>,
        mut attempt: impl FnMut(*mut Node<V>) -> Result<R, State<V>>,
    ) -> Edit<R> {
        let mut state = entry.state();
        loop {
            match state {
                State::Live(current) => match attempt(current) {
                    Ok(result) => return Edit::Done(result),
                    Err(now) => state = now,
                },
                State::Deleted => return Edit::Absent,
                State::Expunged => return Edit::Expunged,
            }
        }
    }

    /// Replaces the value by what `f` makes of it.
    pub(crate) fn update<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        eq: impl FnMut(&K) -> bool,
        mut f: impl FnMut(&V) -> V,
    ) -> Result<Option<*mut Node<V>>, ErrorKind> {
        let mut memory = None;
        let updated = self.edit::<A, _>(pin, hash, eq, |entry, current| {
            let Some(reserved) = memory.take().or_else(|| self.memory()) else { return Ok(Err(Self::NO_MEMORY)) };
            // SAFETY: from the slot, under the pin.
            let node = reserved.fill(Node::new(f(unsafe { self.value(current) })));
            match self.replace(entry, current, node.handle()) {
                Ok(_old) => Ok(Ok(node.publish())),
                Err(now) => {
                    let (_unused, reserved) = node.vacate();
                    memory = Some(reserved);
                    Err(now)
                }
            }
        });
        updated.map_err(Into::into)?.transpose()
    }

    /// Replaces the value of a key if it equals `current`.
    pub(crate) fn compare_exchange<'p>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        eq: impl FnMut(&K) -> bool,
        current: &V,
        new: V,
    ) -> Result<&'p V, CompareExchangeError<'p, V>>
    where
        V: PartialEq,
    {
        // Without memory it can still be found that the value is another.
        let node = self.node(new);
        let exchanged = self.edit::<Wait, _>(pin, hash, eq, |entry, old| {
            // SAFETY: from the slot, under the pin.
            let found = unsafe { self.value(old) };
            match &node {
                _ if found != current => Ok(Err((found, None))),
                Ok(node) => self.replace(entry, old, node.handle()).map(|old| Ok(old.value())),
                Err(_) => Ok(Err((found, Some(Self::NO_MEMORY)))),
            }
        });
        match Never::unwrap(exchanged) {
            Some(Ok(old)) => {
                node.ok().map(Owned::publish);
                Ok(old)
            }
            Some(Err((found, kind))) => Err(CompareExchangeError { new: value_of(node), found: Some(found), kind }),
            None => Err(CompareExchangeError { new: value_of(node), found: None, kind: None }),
        }
    }

    /// Removes a key if `f` says so of its value. `None`: absent, or `f` said no.
    pub(crate) fn remove_if<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        eq: impl FnMut(&K) -> bool,
        mut f: impl FnMut(&V) -> bool,
    ) -> Result<Option<&'p V>, A::Error> {
        let removed = self.edit::<A, _>(pin, hash, eq, |entry, current| {
            // SAFETY: from the slot, under the pin.
            if f(unsafe { self.value(current) }) {
                self.delete(entry, current).map(|old| Some(old.value()))
            } else {
                Ok(None)
            }
        })?;
        Ok(removed.flatten())
    }

    /// Removes the entries for which `f` returns `false`.
    pub(crate) fn retain(&self, pin: &Pin<'_>, mut f: impl FnMut(&K, &V) -> bool) {
        let Some(table) = Never::unwrap(self.complete::<Wait>(pin)) else { return };
        for handle in table.index().entries() {
            // SAFETY: from a table that was `read` under the pin.
            let entry = unsafe { self.entry(handle) };
            self.edit_entry(entry, |current| {
                // SAFETY: from the slot, under the pin.
                let keep = f(&entry.key, unsafe { self.value(current) });
                if keep { Ok(()) } else { self.delete(entry, current).map(drop) }
            });
        }
    }

    /// Removes everything. The tables go at once; marking what was in them is done without the lock.
    pub(crate) fn clear(&self, _pin: &Pin<'_>) {
        /// What was detached is nobody's any more, even if unlocking panics.
        struct RetireOnDrop<'a, K, V, St: Storage<K, V>, L>(&'a Core<K, V, St, L>, Option<Detached<St::Index>>);

        impl<K, V, St: Storage<K, V>, L> Drop for RetireOnDrop<'_, K, V, St, L> {
            fn drop(&mut self) {
                if let Some(detached) = self.1.take() {
                    self.0.retire_all(detached);
                }
            }
        }

        let mut detached = RetireOnDrop(self, None);
        Never::unwrap(self.locked::<Wait, _>(|dirty| detached.1 = Some(self.detach(dirty))));
    }

    /// live → live. Returns the old node.
    #[inline]
    pub(crate) fn replace<'p>(
        &'p self,
        entry: &'p Entry<K, V>,
        current: *mut Node<V>,
        new: *mut Node<V>,
    ) -> Result<Unlinked<'p, K, V, St, L>, State<V>> {
        entry.replace(current, new)?;
        // SAFETY: taken out of the slot by this caller, under the pin that `entry` is under.
        Ok(unsafe { Unlinked::new(self, current) })
    }

    /// live → DELETED. Returns the node.
    #[inline]
    fn delete<'p>(
        &'p self,
        entry: &'p Entry<K, V>,
        current: *mut Node<V>,
    ) -> Result<Unlinked<'p, K, V, St, L>, State<V>> {
        self.count.begin_removal();
        let deleted = entry.delete(current);
        self.count.end_removal(usize::from(deleted.is_ok()));
        deleted?;
        // SAFETY: taken out of the slot by this caller, under the pin that `entry` is under.
        let old = unsafe { Unlinked::new(self, current) };
        match St::LIMIT {
            // SAFETY: the node was in the slot of the entry, which was found under that pin; with a limit, in `read`.
            Some(_) => unsafe { self.unlink::<Try>(entry, Some(&old)) },
            None => self.shrink(),
        }
        Ok(old)
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// What a lack of memory is called. Where all of it is there from the beginning, somebody
    /// who is pinned has what is missing.
    pub(crate) const NO_MEMORY: ErrorKind = match St::LIMIT {
        Some(_) => ErrorKind::Busy,
        None => ErrorKind::OutOfMemory,
    };

    /// Retires all that the tables of an emptied map lead to, and the tables.
    pub(crate) fn retire_all(&self, detached: Detached<St::Index>) {
        let Detached { read, dirty, next } = detached;
        let mut entries = Chain::new();
        let mut live = 0;
        // SAFETY: nobody retires these tables but who detached them, which is this caller.
        let (in_read, in_dirty) = unsafe { (self.table(read), self.table(dirty)) };
        // What is in both is retired once. `dirty` first: afterwards the links, but not the handles, are changed.
        for (table, also_in) in [(in_dirty, in_read), (in_read, None)] {
            let Some(table) = table else { continue };
            for handle in table.index().entries() {
                // SAFETY: an entry of a table that is not freed yet. (One that is in a list is
                // of `read`, and not looked for.)
                if !unsafe { self.leads_to(also_in, handle) } {
                    // SAFETY: who detached the tables kills and retires their entries; each comes here once, and is
                    // in no list, for the list of expunged ones was given up.
                    unsafe {
                        live += usize::from(self.kill(handle).is_some());
                        entries.push(&self.storage, handle, entry_link(handle));
                    }
                }
            }
        }
        self.count.end_removal(live);
        // SAFETY: no new pin leads to the tables; every entry in them is EXPUNGED now.
        unsafe {
            for table in [read, dirty, next] {
                if !table.is_null() {
                    // (The first one takes them all. Without a table there are none.)
                    self.garbage.retire_table(
                        &self.storage,
                        &self.readers,
                        table,
                        core::mem::replace(&mut entries, Chain::new()),
                    );
                }
            }
        }
    }

    /// Removes and frees everything, for whoever has exclusive access.
    pub(crate) fn empty(&mut self) {
        // SAFETY: access is exclusive.
        let detached = self.dirty.with_mut(|dirty| unsafe { self.detach(&mut *dirty) });
        self.retire_all(detached);
        self.free_garbage();
    }

    /// Frees all garbage, for whoever has exclusive access.
    pub(crate) fn free_garbage(&mut self) {
        self.readers.end_pins();
        // SAFETY: access is exclusive.
        unsafe { self.garbage.free_all(&self.storage, &self.readers) };
    }

    /// any → EXPUNGED. Returns the node, if there was one; the caller counts it.
    ///
    /// # Safety
    ///
    /// The caller took the entry out of the tables that lead to it, and is pinned or has exclusive access.
    pub(crate) unsafe fn kill(&self, handle: *mut Entry<K, V>) -> Option<Unlinked<'_, K, V, St, L>> {
        // SAFETY: an entry that is not freed yet.
        match unsafe { self.entry(handle) }.kill() {
            // SAFETY: taken out of the slot by this caller.
            State::Live(node) => Some(unsafe { Unlinked::new(self, node) }),
            State::Deleted | State::Expunged => None,
        }
    }
}
