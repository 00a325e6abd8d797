//! Insertion.
//!
//! Most keys are in `read` (where memory is limited, all): their values are replaced without the lock, by
//! [`insert`](Core::insert) alone. Another key goes to `dirty` under the lock, by
//! [`insert_absent`](Core::insert_absent) and [`insert_locked`](Core::insert_locked); where memory is limited, to
//! `read` itself, by [`insert_in_place`](Core::insert_in_place).
//!
//! Each of these is one attempt, without a loop; when it was not to be, key and value come back with the reason, and
//! the caller (`Core::again` in the module [`upkeep`](crate::upkeep)) does what is needed and tries again. Who has to
//! repeat an attempt because of others was overtaken by somebody else's success.

use mutex_traits::ScopedRawMutex;

use crate::dirty::{Dirty, NeedsTable};
use crate::entry::{Entry, Node, State};
use crate::error::ErrorKind;
use crate::lock::{Acquire, Try};
use crate::map::{Core, Inserted, OnLive, Snapshot};
use crate::readers::Pin;
use crate::storage::{Index, Owned, Pool, Reserved, Storage, Vacant, resolve};
use crate::sync::{Ordering, fence};

/// What an insertion did under the lock.
pub(crate) enum InsertOutcome<'p, K, V> {
    /// The key was absent, and is there now, with the node.
    New,
    /// The entry is there and live: the rest goes without the lock.
    Found(&'p Entry<K, V>),
    /// There is no room; nothing has changed.
    Rejected(ErrorKind),
    /// First a table is needed.
    NeedsTable(NeedsTable),
    /// First the table has to be promoted.
    NoRoom,
    /// Things have changed: from the beginning.
    Raced,
}

/// A node with a new value; the value alone when there is no memory.
pub(crate) type NewNode<'p, V, P> = Result<Owned<'p, Node<V>, P>, V>;

/// An insertion that did not take place, with what it was given.
pub(crate) struct Refused<K, V> {
    pub(crate) input: (K, V),
    pub(crate) why: Why,
}

/// Why an attempt failed.
pub(crate) enum Why<E = ErrorKind> {
    /// Somebody else was faster: to be tried again.
    Again,
    /// Again, with a table. The attempt is over, and its pin gone: the old one can be freed first, if there is no other pin.
    NeedsTable(NeedsTable),
    Error(E),
}

impl From<ErrorKind> for Why {
    fn from(kind: ErrorKind) -> Self {
        Self::Error(kind)
    }
}

pub(crate) fn value_of<V, P: Pool<Node<V>>>(node: NewNode<'_, V, P>) -> V {
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
        let (mut key, mut node, mut published) = (Some(key), Some(node), None);
        let outcome = self.locked::<A, _>(|dirty| {
            let outcome = match St::LIMIT {
                Some(_) => self.insert_in_place(pin, hash, &mut key, &mut memory, new),
                None => self.insert_locked(dirty, pin, seen, hash, &mut key, &mut memory, new),
            };
            if let InsertOutcome::New = outcome {
                // Here, for it is the map's now, even if unlocking panics.
                published = node.take().and_then(Result::ok).map(Owned::publish);
            }
            outcome
        });
        if let Some(new) = published {
            return Ok(Inserted::New(new));
        }
        // SAFETY: only what was published takes them. (That is known of the closure itself: a
        // user's lock could return anything.)
        let (key, node) = unsafe { (key.unwrap_unchecked(), node.unwrap_unchecked()) };
        let input = (key, value_of(node));
        let why = match outcome {
            Ok(InsertOutcome::Found(entry)) => match entry.state() {
                State::Live(current) => return self.settle(entry, current, input, on_live),
                State::Deleted | State::Expunged => Why::Again,
            },
            Ok(InsertOutcome::NeedsTable(table)) => Why::NeedsTable(table),
            Ok(InsertOutcome::Rejected(kind)) => {
                if St::LIMIT.is_some() && kind == Self::NO_MEMORY && memory.is_none() {
                    // For the next attempt: removed keys that are still in the table have an entry, and no node.
                    self.sweep::<Try>();
                }
                kind.into()
            }
            // In a section of its own, for the whole of a full table may have been probed in that one.
            Ok(InsertOutcome::NoRoom) if St::LIMIT.is_none() => {
                match self.section::<A, _>(|dirty| self.make_room(dirty)) {
                    Ok(Some(table)) => Why::NeedsTable(table),
                    Ok(None) => Why::Again,
                    Err(error) => Why::Error(error.into()),
                }
            }
            Ok(InsertOutcome::NoRoom | InsertOutcome::Raced | InsertOutcome::New) => Why::Again,
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
        if !matches!(on_live, OnLive::Replace) {
            return Self::leave(current, (key, value), on_live);
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

    /// What `on_live` says, if it is not to replace the value. (Not inlined: it is what insertions seldom do, and
    /// costs the others some instructions.)
    #[cfg_attr(not(small), inline(never))]
    fn leave(current: *mut Node<V>, input: (K, V), on_live: OnLive) -> Result<Inserted<V>, Refused<K, V>> {
        match on_live {
            OnLive::Return => Err(Refused { input, why: Why::Again }),
            OnLive::Keep | OnLive::Replace => Ok(Inserted::Kept(current)),
        }
    }

    /// Attempts to replace the value of a key by what `f` makes of it, or to insert one if there is none: each for
    /// itself. If a key that was absent is there when it is inserted, the next attempt begins with its value.
    pub(crate) fn update_or_insert<A: Acquire>(
        &self,
        pin: &Pin<'_>,
        hash: usize,
        input: (K, V),
        f: impl FnMut(&V) -> V,
    ) -> Result<*mut Node<V>, ((K, V), Why)>
    where
        K: Eq,
    {
        match self.update::<A>(pin, hash, |other| input.0 == *other, f) {
            Ok(Some(node)) => Ok(node),
            Ok(None) => match self.insert_outlined::<A>(pin, hash, input, OnLive::Return) {
                Ok(Inserted::New(node) | Inserted::Replaced(node) | Inserted::Kept(node)) => Ok(node),
                Err(Refused { input, why }) => Err((input, why)),
            },
            Err(kind) => Err((input, kind.into())),
        }
    }

    /// DELETED → live without the lock, while there is no `dirty`. Not with a limit, which is watched under the lock.
    fn revive_unlocked(&self, read: Snapshot<'_, St::Index>, entry: &Entry<K, V>, node: *mut Node<V>) -> bool {
        if St::LIMIT.is_some() || read.amended() || !self.count.claim() {
            return false;
        }
        // SeqCst: pairs with the fence in `seal`. Either the word below is seen to be
        // amended, or the seal counts this store.
        fence(Ordering::SeqCst);
        let revived = self.read.load(Ordering::SeqCst) == read.word && entry.revive(node).is_ok();
        if !revived {
            self.count.unclaim();
        }
        revived
    }

    #[inline]
    pub(crate) fn node(&self, value: V) -> NewNode<'_, V, St> {
        match self.memory() {
            Some(memory) => Ok(memory.fill(Node::new(value))),
            None => Err(value),
        }
    }

    /// Memory for a node or an entry. (Without, the operation is tried again when what can be freed has been:
    /// [`again`](Self::again).)
    #[inline]
    pub(crate) fn memory<T>(&self) -> Option<Reserved<'_, T, St>>
    where
        St: Pool<T>,
    {
        Reserved::new(&self.storage)
    }
}

impl<K, V, St: Storage<K, V>, L> Core<K, V, St, L> {
    /// The part of an insertion that needs the lock: `node`, if there is memory for one, becomes the value of the key,
    /// if the key is absent. In the table of `seen` it has the entry `in_seen`.
    ///
    /// Takes `key` and `memory` only when it returns [`InsertOutcome::New`], for a key without an entry.
    #[allow(clippy::too_many_arguments)] // Each is a thing of its own; the one caller is the other half of this.
    pub(crate) fn insert_locked<'p>(
        &'p self,
        dirty: &mut Dirty<K, V, St::Index>,
        pin: &'p Pin<'_>,
        (seen, in_seen): (Snapshot<'_, St::Index>, Option<*mut Entry<K, V>>),
        hash: usize,
        key: &mut Option<K>,
        memory: &mut Option<Reserved<'_, Entry<K, V>, St>>,
        node: Option<*mut Node<V>>,
    ) -> InsertOutcome<'p, K, V>
    where
        K: Eq,
    {
        let read = self.snapshot(pin);
        if !read.is_table_of(seen) {
            return InsertOutcome::Raced;
        }
        if let Some(handle) = in_seen {
            // SAFETY: from `read`, under the pin.
            let entry = unsafe { self.entry(handle) };
            // While it is not EXPUNGED, the key has no other one.
            if !entry.is_expunged() {
                // SAFETY: from `read`, under the lock and the pin.
                if !read.amended() || unsafe { self.leads_to(dirty.table(&self.storage), handle) } {
                    return self.revive_locked(entry, node);
                }
                // Not copied yet. If it is DELETED, the key gets a new one in `dirty`.
                if let State::Live(_) = self.expunge(dirty, handle, entry) {
                    return InsertOutcome::Found(entry);
                }
            }
        }
        if dirty.table(&self.storage).is_none() {
            if let Err(table) = self.seal(dirty) {
                return InsertOutcome::NeedsTable(table);
            }
        }
        let has_room = dirty.has_room(&self.storage);
        let Some(table) = dirty.table_mut(&self.storage) else { return InsertOutcome::Raced };
        // SAFETY: the entry is in the table.
        let eq = |handle: *mut Entry<K, V>| key.as_ref() == Some(unsafe { &resolve(&self.storage, handle).key });
        let handle = match table.index_mut().find_or_vacant(hash, eq) {
            Ok(handle) => handle,
            Err(_) if !has_room => return InsertOutcome::NoRoom,
            // SAFETY: a new entry of this storage.
            Err(vacant) => return self.insert_at(|entry| unsafe { vacant.fill(entry) }, hash, key, memory, node),
        };
        dirty.miss();
        // SAFETY: from `dirty`, under the lock and the pin.
        self.revive_locked(unsafe { self.entry(handle) }, node)
    }

    /// Inserts a key that has no entry, by what `add` does with a new one.
    #[inline(always)]
    pub(crate) fn insert_at<'p>(
        &self,
        add: impl FnOnce(*mut Entry<K, V>),
        hash: usize,
        key: &mut Option<K>,
        memory: &mut Option<Reserved<'_, Entry<K, V>, St>>,
        node: Option<*mut Node<V>>,
    ) -> InsertOutcome<'p, K, V> {
        if !self.count.claim() {
            return InsertOutcome::Rejected(self.full_or_busy());
        }
        if let (Some(_), Some(node)) = (&memory, node) {
            if let (Some(memory), Some(key)) = (memory.take(), key.take()) {
                let entry = memory.fill(Entry::new(key, node)).publish();
                // SAFETY: it was made here.
                unsafe { self.keep_hash(entry, hash) };
                add(entry);
                return InsertOutcome::New;
            }
        }
        self.count.unclaim();
        InsertOutcome::Rejected(Self::NO_MEMORY)
    }

    /// DELETED → live, for an entry that stays in the tables it is in.
    #[inline(never)]
    pub(crate) fn revive_locked<'p>(
        &'p self,
        entry: &'p Entry<K, V>,
        node: Option<*mut Node<V>>,
    ) -> InsertOutcome<'p, K, V> {
        if let State::Live(_) = entry.state() {
            return InsertOutcome::Found(entry);
        }
        if !self.count.claim() {
            return InsertOutcome::Rejected(self.full_or_busy());
        }
        let rejected = InsertOutcome::Rejected(Self::NO_MEMORY);
        let outcome = node.map_or(rejected, |node| match entry.revive(node) {
            Ok(()) => InsertOutcome::New,
            Err(_) => InsertOutcome::Found(entry),
        });
        if !matches!(outcome, InsertOutcome::New) {
            self.count.unclaim();
        }
        outcome
    }

    /// Why there is no room for a key that has just been found to be absent, under the lock.
    pub(crate) fn full_or_busy(&self) -> ErrorKind {
        if self.count.is_full() { ErrorKind::Full } else { Self::NO_MEMORY }
    }
}
