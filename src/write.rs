//! The operations that change the map, on top of what [`map`](crate::map) finds and [`dirty`](crate::dirty) does under
//! the lock.
//!
//! They have one form: find the entry; attempt the transition of its slot, without the lock, until it succeeds or the
//! entry is no longer live; if the entry turned out to be EXPUNGED, start again. Closures of the user run between the look at
//! the slot and the attempt, never under the lock. Each of these loops is lock-free: who has to repeat an attempt
//! was overtaken by somebody else's success.

use mutex_traits::ScopedRawMutex;

use crate::dirty::{Detached, InsertOutcome, Taken, leads_to};
use crate::entry::{Entry, Node, State};
use crate::error::{CompareExchangeError, ErrorKind, InsertError};
use crate::garbage::Chain;
use crate::map::{Acquire, Core, Found, Inserted, Never, OnLive, Snapshot, Wait};
use crate::readers::{Pin, Readers};
use crate::storage::{Index, Owned, Pool, Reserved, Storage};
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

/// What became of an insertion whose key has an entry.
enum Settled<'p, V, P: Pool<Node<V>>> {
    Done(Inserted<&'p V>),
    /// The key is there, but there is no memory for another value.
    NoMemory(V),
    /// The entry is not live.
    NotLive(NewNode<'p, V, P>),
}

fn value_of<V, P: Pool<Node<V>>>(node: NewNode<'_, V, P>) -> V {
    node.map_or_else(|value| value, |node| node.take().value)
}

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    /// Inserts a key, or does to its value what `on_live` says.
    pub(crate) fn insert<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        key: K,
        value: V,
        on_live: OnLive,
    ) -> Result<Inserted<&'p V>, InsertError<K, V>>
    where
        K: Eq,
    {
        let mut node = match self.node(value) {
            Err(value) if St::LIMIT.is_none() => return Err(InsertError { key, value, kind: Self::NO_MEMORY }),
            // With a limit, it may be that the map is full besides.
            node => node,
        };
        let read = self.snapshot(pin);
        if let Some(handle) = read.table.and_then(|table| self.probe(table, hash, |other| key == *other)) {
            // SAFETY: from `read`, under the pin.
            let entry = unsafe { self.entry(handle) };
            // No lock is taken for a live key, also when it fails: a handler may have interrupted who has it.
            node = match self.settle(entry, node, on_live) {
                Settled::Done(done) => return Ok(done),
                Settled::NoMemory(value) => return Err(InsertError { key, value, kind: Self::NO_MEMORY }),
                Settled::NotLive(Ok(node)) if self.revive_unlocked(read, entry, node.handle()) => {
                    return Ok(Inserted::New(self.published(node)));
                }
                Settled::NotLive(node) => node,
            };
        }
        // Before the lock is taken, for the allocator may take its time. Without memory a key that has an entry can
        // still get its value.
        let mut memory = self.memory::<Entry<K, V>>();
        let mut key = Some(key);
        loop {
            let new = node.as_ref().ok().map(Owned::handle);
            let outcome = self.locked::<A, _>(|dirty| self.insert_locked(dirty, pin, hash, &mut key, &mut memory, new));
            let (kind, unused) = match (outcome, node) {
                (Ok(InsertOutcome::New), Ok(node)) => return Ok(Inserted::New(self.published(node))),
                (Ok(InsertOutcome::Found(entry)), unused) => match self.settle(entry, unused, on_live) {
                    Settled::Done(done) => return Ok(done),
                    Settled::NoMemory(value) => (Self::NO_MEMORY, Err(value)),
                    Settled::NotLive(unused) => {
                        node = unused;
                        continue;
                    }
                },
                (Ok(InsertOutcome::Rejected(kind)), unused) => (kind, unused),
                (Ok(InsertOutcome::New), unused) => (Self::NO_MEMORY, unused),
                (Err(error), unused) => (error.into(), unused),
            };
            node = unused;
            // The key is there: only `New` takes it.
            if let Some(key) = key.take() {
                return Err(InsertError { key, value: value_of(node), kind });
            }
        }
    }

    /// Removes a key, and returns the value that it had.
    pub(crate) fn remove<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
        hash: usize,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Result<Option<&'p V>, A::Error> {
        let read = self.snapshot(pin);
        let mut found = self.find_in(pin, read.table, hash, &mut eq).map(|found| found.entry);
        loop {
            if let Some(entry) = found {
                match self.edit_entry(entry, |current| self.delete(entry, current)) {
                    Edit::Done(value) => return Ok(Some(value)),
                    Edit::Absent => return Ok(None),
                    Edit::Expunged => {}
                }
            } else if !read.amended {
                return Ok(None);
            }
            match self.locked::<A, _>(|dirty| self.take_locked(dirty, pin, hash, &mut eq))? {
                None => return Ok(None),
                Some(Taken::Shared(entry)) => found = Some(entry),
                Some(Taken::Own(handle)) => {
                    let mut entries = Chain::new();
                    // SAFETY: no table leads to the entry, and who took it out kills and retires it. The pin is there.
                    let value = unsafe {
                        let value = self.kill(handle);
                        self.count.end_removal(usize::from(value.is_some()));
                        entries.push(&self.storage, handle);
                        self.garbage.retire_entries(&self.storage, entries);
                        value
                    };
                    self.shrink();
                    return Ok(value);
                }
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
            let Some(Found { entry, .. }) = self.find::<A>(pin, hash, &mut eq)? else { return Ok(None) };
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
    ) -> Result<Option<&'p V>, ErrorKind> {
        let mut memory = None;
        let updated = self.edit::<A, _>(pin, hash, eq, |entry, current| {
            let Some(reserved) = memory.take().or_else(|| self.memory()) else { return Ok(Err(Self::NO_MEMORY)) };
            // SAFETY: from the slot, under the pin.
            let node = reserved.fill(Node::new(f(unsafe { self.value(current) })));
            match self.replace(entry, current, node.handle()) {
                Ok(_old) => Ok(Ok(self.published(node))),
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
                Ok(node) => self.replace(entry, old, node.handle()).map(Ok),
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
            if f(unsafe { self.value(current) }) { self.delete(entry, current).map(Some) } else { Ok(None) }
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

    /// Settles an insertion whose key has an entry.
    fn settle<'p>(&'p self, entry: &'p Entry<K, V>, node: NewNode<'p, V, St>, on_live: OnLive) -> Settled<'p, V, St> {
        let settled = self.edit_entry(entry, |current| match (on_live, &node) {
            (OnLive::Replace, Ok(node)) => {
                self.replace(entry, current, node.handle()).map(Inserted::Replaced).map(Some)
            }
            (OnLive::Replace, Err(_)) => Ok(None),
            // SAFETY: from the slot, under the pin that `entry` is under.
            (OnLive::Keep, _) => Ok(Some(Inserted::Kept(unsafe { self.value(current) }))),
        });
        match (settled, node) {
            (Edit::Done(Some(done)), node) => {
                if let (Inserted::Replaced(_), Ok(node)) = (&done, node) {
                    node.publish();
                }
                Settled::Done(done)
            }
            (Edit::Done(None), node) => Settled::NoMemory(value_of(node)),
            (Edit::Absent | Edit::Expunged, node) => Settled::NotLive(node),
        }
    }

    /// DELETED → live without the lock, while there is no `dirty`. Not with a limit, which is watched under the lock.
    fn revive_unlocked(&self, read: Snapshot<'_, St::Index>, entry: &Entry<K, V>, node: *mut Node<V>) -> bool {
        if read.amended || St::LIMIT.is_some() || !self.count.claim() {
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

    /// live → live, and the old node is retired. Returns the old value.
    fn replace<'p>(
        &'p self,
        entry: &'p Entry<K, V>,
        current: *mut Node<V>,
        new: *mut Node<V>,
    ) -> Result<&'p V, State<V>> {
        entry.replace(current, new)?;
        // SAFETY: taken out of the slot by this caller, under the pin that `entry` is under.
        unsafe {
            self.garbage.retire_node(&self.storage, current);
            Ok(self.value(current))
        }
    }

    /// live → DELETED, and the node is retired. Returns its value.
    fn delete<'p>(&'p self, entry: &'p Entry<K, V>, current: *mut Node<V>) -> Result<&'p V, State<V>> {
        self.count.begin_removal();
        let deleted = entry.delete(current);
        self.count.end_removal(usize::from(deleted.is_ok()));
        deleted?;
        // SAFETY: taken out of the slot by this caller.
        unsafe { self.garbage.retire_node(&self.storage, current) };
        self.shrink();
        // SAFETY: it was in the slot, under the pin that `entry` is under.
        Ok(unsafe { self.value(current) })
    }

    fn node(&self, value: V) -> NewNode<'_, V, St> {
        match self.memory() {
            Some(memory) => Ok(memory.fill(Node::new(value))),
            None => Err(value),
        }
    }

    /// The value of a node that was put into a slot.
    fn published<'p>(&'p self, node: Owned<'p, Node<V>, St>) -> &'p V {
        // SAFETY: whoever publishes is pinned.
        unsafe { self.value(node.publish()) }
    }

    /// Memory for a node or an entry; if the allocator has none, after freeing what can be freed.
    fn memory<T>(&self) -> Option<Reserved<'_, T, St>>
    where
        St: Pool<T>,
    {
        let memory = Reserved::new(&self.storage);
        if memory.is_some() || St::LIMIT.is_some() {
            return memory;
        }
        self.collect();
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
        let Detached { read, dirty } = detached;
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
                        entries.push(&self.storage, handle);
                    }
                }
            }
        }
        self.count.end_removal(live);
        // SAFETY: no new pin leads to the tables; every entry in them is EXPUNGED now.
        unsafe {
            self.garbage.retire_entries(&self.storage, entries);
            for table in [read, dirty] {
                if !table.is_null() {
                    self.garbage.retire_table(&self.storage, table);
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
        // Nobody can be pinned: pins borrow the map. Forgotten ones are never used nor dropped, and count no longer.
        self.readers = Readers::new();
        // SAFETY: access is exclusive.
        unsafe { self.garbage.free_all(&self.storage) };
    }

    /// any → EXPUNGED, and the node, if there was one, is retired. Returns its value, which the caller counts.
    ///
    /// # Safety
    ///
    /// The caller took the entry out of the tables that lead to it, and is pinned or has exclusive access.
    unsafe fn kill(&self, handle: *mut Entry<K, V>) -> Option<&V> {
        // SAFETY: an entry that is not freed yet.
        match unsafe { self.entry(handle) }.kill() {
            State::Live(node) => {
                // SAFETY: taken out of the slot by this caller.
                unsafe {
                    self.garbage.retire_node(&self.storage, node);
                    Some(self.value(node))
                }
            }
            State::Deleted | State::Expunged => None,
        }
    }
}
