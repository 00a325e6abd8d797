//! The operations that change the map, on top of what [`map`](crate::map) finds and [`dirty`](crate::dirty) does under
//! the lock.
//!
//! They have one form: find the entry; attempt the transition of its slot, without the lock, until it succeeds or the
//! entry is no longer live; if the entry turned out to be EXPUNGED, start again. Closures of the user run between the look at
//! the slot and the attempt, never under the lock. Each of these loops is lock-free: who has to repeat an attempt
//! was overtaken by somebody else's success.

use mutex_traits::ScopedRawMutex;

use crate::dirty::{Detached, InsertOutcome, NeedsTable, Taken, leads_to};
use crate::entry::{Entry, Node, State};
use crate::error::{CompareExchangeError, ErrorKind};
use crate::garbage::{Effort, entry_link};
use crate::map::{Acquire, Core, Inserted, Never, OnLive, Snapshot, Unlinked, Wait};
use crate::readers::Pin;
use crate::storage::{Chain, Index, Owned, Pool, Reserved, Storage};
use crate::sync::{Ordering, fence};

/// How the attempts on one entry ended.
enum Edit<R> {
    Done(R),
    Absent,
    /// The key may have another entry.
    Expunged,
}

/// A node with a new value; the value alone when there is no memory.
type NewNode<'p, V, P> = Result<Owned<'p, Node<V>, P>, V>;

/// An insertion that did not take place, with what it was given.
pub(crate) struct Refused<K, V> {
    pub(crate) input: (K, V),
    pub(crate) why: Why,
}

/// Why an attempt failed.
pub(crate) enum Why<E = ErrorKind> {
    /// Somebody else was faster: to be tried again.
    Again,
    /// Again, with a table. Who brings it is not pinned: the old one can be freed first.
    NeedsTable(NeedsTable),
    Error(E),
}

impl From<ErrorKind> for Why {
    fn from(kind: ErrorKind) -> Self {
        Self::Error(kind)
    }
}

fn value_of<V, P: Pool<Node<V>>>(node: NewNode<'_, V, P>) -> V {
    node.map_or_else(|value| value, |node| node.take().value)
}

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    /// Attempts to insert a key, or to do to its value what `on_live` says.
    ///
    /// Most keys are in `read`; what has to be done for others is not inlined.
    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn insert<A: Acquire>(
        &self,
        pin: &Pin<'_>,
        hash: usize,
        (key, value): (K, V),
        on_live: OnLive,
    ) -> Result<Inserted<V>, Refused<K, V>>
    where
        K: Eq,
    {
        let read = self.snapshot(pin);
        let in_read = read.table.and_then(|table| self.probe(table, hash, |other| key == *other));
        if let Some(handle) = in_read {
            // SAFETY: from `read`, under the pin.
            let entry = unsafe { self.entry(handle) };
            if let State::Live(current) = entry.state() {
                // No lock is taken for a live key, also when it fails: a handler may have interrupted who has it.
                return self.settle(entry, current, (key, value), on_live);
            }
        }
        self.insert_absent::<A>(pin, (read, in_read), hash, (key, value), on_live)
    }

    /// [`insert`](Self::insert), not inlined: for all but the first attempt.
    #[cfg_attr(not(small), inline(never))]
    pub(crate) fn insert_outlined<A: Acquire>(
        &self,
        pin: &Pin<'_>,
        hash: usize,
        input: (K, V),
        on_live: OnLive,
    ) -> Result<Inserted<V>, Refused<K, V>>
    where
        K: Eq,
    {
        self.insert::<A>(pin, hash, input, on_live)
    }

    /// Inserts a key that has no live entry in `read`.
    #[cfg_attr(not(small), inline(never))]
    fn insert_absent<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        seen: (Snapshot<'p, St::Index>, Option<*mut Entry<K, V>>),
        hash: usize,
        (key, value): (K, V),
        on_live: OnLive,
    ) -> Result<Inserted<V>, Refused<K, V>>
    where
        K: Eq,
    {
        let node = match self.node(value) {
            Err(value) if St::LIMIT.is_none() => {
                return Err(Refused { input: (key, value), why: Self::NO_MEMORY.into() });
            }
            // With a limit, it may be that the map is full besides.
            node => node,
        };
        let new = node.as_ref().ok().map(Owned::handle);
        if let ((read, Some(handle)), Some(new)) = (seen, new) {
            // SAFETY: from `read`, under the pin.
            if self.revive_unlocked(read, unsafe { self.entry(handle) }, new) {
                node.ok().map(Owned::publish);
                return Ok(Inserted::New(new));
            }
        }
        // Before the lock is taken, for the allocator may take its time. Without memory a key that has an entry can
        // still get its value.
        let mut memory = self.memory::<Entry<K, V>>();
        let mut key = Some(key);
        let outcome =
            self.locked::<A, _>(|dirty| self.insert_locked(dirty, pin, seen, hash, &mut key, &mut memory, new));
        if let Ok(InsertOutcome::New(new)) = outcome {
            node.ok().map(Owned::publish);
            return Ok(Inserted::New(new));
        }
        // SAFETY: only `New` takes the key.
        let input = (unsafe { key.unwrap_unchecked() }, value_of(node));
        let why = match outcome {
            Ok(InsertOutcome::Found(entry)) => match entry.state() {
                State::Live(current) => return self.settle(entry, current, input, on_live),
                State::Deleted | State::Expunged => Why::Again,
            },
            Ok(InsertOutcome::NeedsTable(NeedsTable::NoMemory)) => Self::NO_MEMORY.into(),
            Ok(InsertOutcome::NeedsTable(table)) => Why::NeedsTable(table),
            Ok(InsertOutcome::Rejected(kind)) => kind.into(),
            // (A step of the copy that was due has been done.)
            Ok(InsertOutcome::Raced | InsertOutcome::New(_)) => Why::Again,
            Err(error) => Why::Error(error.into()),
        };
        Err(Refused { input, why })
    }

    /// Attempts what `on_live` says on a live entry.
    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline(always))]
    fn settle(
        &self,
        entry: &Entry<K, V>,
        current: *mut Node<V>,
        (key, value): (K, V),
        on_live: OnLive,
    ) -> Result<Inserted<V>, Refused<K, V>> {
        if let OnLive::Keep = on_live {
            drop((key, value));
            return Ok(Inserted::Kept(current));
        }
        let node = match self.node(value) {
            Ok(node) => node,
            Err(value) => return Err(Refused { input: (key, value), why: Self::NO_MEMORY.into() }),
        };
        let Ok(old) = self.replace(entry, current, node.handle()) else {
            return Err(Refused { input: (key, node.take().value), why: Why::Again });
        };
        node.publish();
        // Should that panic, the old node is retired here.
        drop(key);
        Ok(Inserted::Replaced(old.into_node()))
    }

    /// Attempts to remove a key. Returns its node.
    ///
    /// Most keys are in `read`, as for [`insert`](Self::insert).
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn remove<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        eq: &mut (impl FnMut(&K) -> bool + ?Sized),
    ) -> Result<Option<Unlinked<'p, K, V, St, L>>, Why<A::Error>> {
        let read = self.snapshot(pin);
        if let Some(entry) = self.lookup(pin, read.table, hash, &mut *eq) {
            match entry.state() {
                State::Live(current) => return self.delete(entry, current).map(Some).map_err(|_| Why::Again),
                State::Deleted => return Ok(None),
                State::Expunged => {}
            }
        }
        if !read.amended() {
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
    ) -> Result<Option<Unlinked<'p, K, V, St, L>>, A::Error> {
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
    ) -> Result<Option<Unlinked<'p, K, V, St, L>>, Why<A::Error>> {
        let taken = self.locked::<A, _>(|dirty| self.take_locked(dirty, pin, seen, hash, eq));
        let handle = match taken.map_err(Why::Error)? {
            Taken::Nothing => return Ok(None),
            Taken::Shared => return Err(Why::Again),
            Taken::Own(handle) => handle,
        };
        // SAFETY: no table leads to the entry, and who took it out kills and retires it. The pin is there.
        let old = unsafe {
            let old = self.kill(handle);
            self.count.end_removal(usize::from(old.is_some()));
            self.garbage.retire_entry(&self.storage, &self.readers, handle);
            old
        };
        self.shrink();
        Ok(old)
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
        for i in 0..table.index().buckets() {
            let Some(handle) = table.index().bucket(i) else { continue };
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
        self.retire_all(Never::unwrap(self.locked::<Wait, _>(|dirty| self.detach(dirty))));
    }

    /// DELETED → live without the lock, while there is no `dirty`. Not with a limit, which is watched under the lock.
    fn revive_unlocked(&self, read: Snapshot<'_, St::Index>, entry: &Entry<K, V>, node: *mut Node<V>) -> bool {
        if read.amended() || St::LIMIT.is_some() || !self.count.claim() {
            return false;
        }
        // SeqCst: pairs with the fence in `seal`. Either the word below is seen to be amended, or the seal counts this store.
        fence(Ordering::SeqCst);
        let revived = self.read.load(Ordering::SeqCst) == read.word && entry.revive(node).is_ok();
        if !revived {
            self.count.unclaim();
        }
        revived
    }

    /// live → live. Returns the old node.
    #[inline]
    fn replace<'p>(
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
        self.shrink();
        // SAFETY: taken out of the slot by this caller, under the pin that `entry` is under.
        Ok(unsafe { Unlinked::new(self, current) })
    }

    #[inline]
    fn node(&self, value: V) -> NewNode<'_, V, St> {
        match self.memory() {
            Some(memory) => Ok(memory.fill(Node::new(value))),
            None => Err(value),
        }
    }

    /// Memory for a node or an entry; if the allocator has none, after freeing what can be freed.
    #[inline]
    fn memory<T>(&self) -> Option<Reserved<'_, T, St>>
    where
        St: Pool<T>,
    {
        Reserved::new(&self.storage).or_else(|| if St::LIMIT.is_some() { None } else { self.memory_at_last() })
    }

    #[cold]
    fn memory_at_last<T>(&self) -> Option<Reserved<'_, T, St>>
    where
        St: Pool<T>,
    {
        self.collect(Effort::All);
        Reserved::new(&self.storage)
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// What a lack of memory is called. Where all of it is there from the beginning, somebody who is pinned has what is missing.
    pub(crate) const NO_MEMORY: ErrorKind = match St::LIMIT {
        Some(_) => ErrorKind::Busy,
        None => ErrorKind::OutOfMemory,
    };

    /// Retires all that the tables of an emptied map lead to, and the tables.
    pub(crate) fn retire_all(&self, detached: Detached<St::Index>) {
        let Detached { read, dirty, next } = detached;
        let mut entries = Chain::new();
        let mut live = 0;
        // SAFETY: nobody retires these tables but this caller, who detached them.
        let (in_read, in_dirty) = unsafe { (self.table(read), self.table(dirty)) };
        // What is in both is retired once. `dirty` first: afterwards the links, but not the handles, are changed.
        for (table, also_in) in [(in_dirty, in_read), (in_read, None)] {
            let Some(table) = table else { continue };
            for handle in (0..table.index().buckets()).filter_map(|i| table.index().bucket(i)) {
                // SAFETY: an entry of a table that is not freed yet.
                let entry = unsafe { self.entry(handle) };
                if !leads_to(also_in, entry, handle) {
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
    unsafe fn kill(&self, handle: *mut Entry<K, V>) -> Option<Unlinked<'_, K, V, St, L>> {
        // SAFETY: an entry that is not freed yet.
        match unsafe { self.entry(handle) }.kill() {
            // SAFETY: taken out of the slot by this caller.
            State::Live(node) => Some(unsafe { Unlinked::new(self, node) }),
            State::Deleted | State::Expunged => None,
        }
    }
}
