//! What a storage is to the algorithm.

use core::iter;
use core::mem::ManuallyDrop;
use core::ptr;

use crate::entry::{Entry, Node};
use crate::sync::{ExclusiveCell, Lifetime};

/// Memory for objects of one kind.
///
/// # Safety
///
/// A reserved handle is word-aligned, is neither null nor 1, belongs to nobody else until it is released, and
/// `locate` gives the same, valid, suitably aligned memory for it until then (as long as `self` is not moved).
pub unsafe trait Pool<T> {
    /// Uninitialised memory for one object, if there is some. Never waits.
    fn reserve(&self) -> Option<*mut T>;

    /// Takes memory back.
    ///
    /// # Safety
    ///
    /// `handle` was reserved from this pool, is not in use, and its object was dropped or moved out.
    unsafe fn release(&self, handle: *mut T);

    /// The object's address.
    ///
    /// # Safety
    ///
    /// `handle` was reserved from this pool.
    unsafe fn locate(&self, handle: *mut T) -> *mut T;

    /// The handle of the object at an address: the inverse of `locate`.
    ///
    /// # Safety
    ///
    /// The address is one that `locate` gave for a handle that is not released, with the provenance that it
    /// had (if there is no [`Limit`]).
    unsafe fn handle_at(&self, object: *mut T) -> *mut T;

    /// What follows in the list that this object is in. (Relaxed: whoever publishes a list does it by another word.)
    ///
    /// # Safety
    ///
    /// `handle` was reserved from this pool, and not released.
    unsafe fn next(&self, handle: *mut T) -> Link;

    /// Sets what [`next`](Self::next) returns.
    ///
    /// # Safety
    ///
    /// As for `next`, and `next` is null or a handle of this storage, with a mark in its two lowest bits; or a hash, of
    /// which at least the bits come back that an index uses.
    unsafe fn set_next(&self, handle: *mut T, next: Link);
}

/// What leads to the next object in a list of objects of several kinds: its handle, with a mark
/// in the two lowest bits, or null.
pub(crate) type Link = *mut ();

/// A list of objects that belongs to one owner.
pub(crate) struct Chain {
    pub(crate) head: Link,
    pub(crate) tail: Link,
    pub(crate) len: usize,
}

impl Chain {
    pub(crate) const fn new() -> Self {
        Self { head: ptr::null_mut(), tail: ptr::null_mut(), len: 0 }
    }

    /// # Safety
    ///
    /// `item` is an object of `pool`, in no list, and `link` leads to it.
    pub(crate) unsafe fn push<T>(&mut self, pool: &impl Pool<T>, item: *mut T, link: Link) {
        // SAFETY: the object is there (the caller's promise).
        unsafe { pool.set_next(item, self.head) };
        if self.head.is_null() {
            self.tail = link;
        }
        self.head = link;
        self.len += 1;
    }
}

/// An object that is freed after a grace period.
pub trait Object {
    fn lifetime(&self) -> &Lifetime;
}

/// The index of a table: a set of handles of entries by their hash. `E` is the entry. An implementation calculates with
/// the handles that it holds unchecked.
pub trait Index<E> {
    /// A place for an entry that was not found.
    type Vacant<'a>: Vacant<E>
    where
        Self: 'a;

    fn find(&self, hash: usize, eq: impl FnMut(*mut E) -> bool) -> Option<*mut E>;

    /// Finds an entry as `find` does, or the place for it.
    fn find_or_vacant(&mut self, hash: usize, eq: impl FnMut(*mut E) -> bool) -> Result<*mut E, Self::Vacant<'_>>;

    /// Adds an entry that is not in the index, which has room.
    ///
    /// # Safety
    ///
    /// The handle was reserved from the storage that the index is of, is not in the index, and is
    /// taken out before it is released.
    unsafe fn add(&mut self, hash: usize, entry: *mut E);

    /// Takes out the entry with this very handle.
    fn remove(&mut self, hash: usize, entry: *mut E);

    /// [`add`](Self::add), while others read the index; with a [limit](Limit) only.
    ///
    /// # Safety
    ///
    /// As for `add`; and nobody else links or unlinks meanwhile: the caller holds the lock.
    unsafe fn link(&self, _hash: usize, _entry: *mut E) {
        unreachable!("a table that grows is not written while it is read")
    }

    /// [`remove`](Self::remove), while others read the index, if the entry is there and `goes` says so then;
    /// with a limit only. Whether it was taken out. Who has found it may go on from there, as long as
    /// nothing else is put into its memory.
    ///
    /// # Safety
    ///
    /// Nobody else links or unlinks meanwhile: the caller holds the lock.
    unsafe fn unlink(&self, _hash: usize, _entry: *mut E, _goes: impl FnOnce() -> bool) -> bool {
        unreachable!("a table that grows is not written while it is read")
    }

    /// How many entries there are; with a [limit](Limit), at most.
    fn len(&self) -> usize;

    /// How many entries can be added, at least.
    fn room(&self) -> usize;

    /// The number of buckets: each entry is in one of them, and stays there while the
    /// index is not changed by its owner.
    fn buckets(&self) -> usize;

    /// The first entry in a bucket. None where there is no such bucket.
    fn bucket(&self, i: usize) -> Option<*mut E>;

    /// What follows this entry in its bucket.
    ///
    /// # Safety
    ///
    /// The entry was found in this index.
    unsafe fn after(&self, _entry: *mut E) -> Option<*mut E> {
        None
    }

    /// Each entry once. With others that are linked meanwhile, or not.
    fn entries(&self) -> impl Iterator<Item = *mut E> {
        // SAFETY: found in here.
        let after = |&entry: &*mut E| unsafe { self.after(entry) };
        (0..self.buckets()).flat_map(move |i| iter::successors(self.bucket(i), after))
    }
}

/// A place in an index, for an entry of the hash that it was found by.
pub trait Vacant<E> {
    /// Adds the entry. The index has room.
    ///
    /// # Safety
    ///
    /// As for [`Index::add`].
    unsafe fn fill(self, entry: *mut E);
}

/// How many keys may be live, when that is fixed.
///
/// All memory is there from the beginning then. Tables are of one size, and never fill up: an index takes all entries
/// that there is memory for. What is missing is what somebody still uses. New keys are [linked](Index::link) into
/// `read`, and there never is a `dirty`.
pub trait Limit {
    const LIMIT: Option<usize>;
}

/// One of the tables `read` and `dirty`.
pub struct Table<I> {
    lifetime: Lifetime,
    /// The entries that are to be freed when it is, or later, from when it is retired.
    dead: ExclusiveCell<Chain>,
    index: I,
}

/// The memory of a map: `Heap` or `Inline`. A bound; there is nothing to call, and nothing else can implement it.
///
/// # Safety
///
/// The pools keep their promises, and an index holds exactly the handles that were inserted and not removed.
pub unsafe trait Storage<K, V>:
    Limit + Sized + Pool<Node<V>> + Pool<Entry<K, V>> + Pool<Table<Self::Index>>
{
    #[doc(hidden)]
    type Index: Index<Entry<K, V>>;

    /// A new one, for the constructors.
    #[doc(hidden)]
    #[cfg(not(loom))]
    const NEW: Self;
    /// The same: loom's atomics are not made at compile time.
    #[doc(hidden)]
    #[cfg(loom)]
    fn new() -> Self;

    /// A table with an empty index, with room for `capacity` entries at least, if there is memory for it.
    #[doc(hidden)]
    fn table(&self, capacity: usize) -> Option<Owned<'_, Table<Self::Index>, Self>>;
}

/// An empty storage.
#[cfg(not(loom))]
pub(crate) const fn new_storage<K, V, St: Storage<K, V>>() -> St {
    St::NEW
}

/// An empty storage.
#[cfg(loom)]
pub(crate) fn new_storage<K, V, St: Storage<K, V>>() -> St {
    St::new()
}

/// The object behind a handle, for as long as the caller says.
///
/// # Safety
///
/// The handle was reserved from `pool`, the object is there, and it is not freed during `'a`.
#[inline(always)]
pub(crate) unsafe fn resolve<'a, T: Object>(pool: &impl Pool<T>, handle: *mut T) -> &'a T {
    // SAFETY: the caller's promise.
    let object = unsafe { &*pool.locate(handle) };
    object.lifetime().read();
    object
}

impl<I> Table<I> {
    #[cfg(any(feature = "alloc", loom, shuttle))]
    pub(crate) fn new(index: I) -> Self {
        Self { lifetime: Lifetime::new(), dead: ExclusiveCell::new(Chain::new()), index }
    }

    /// Makes a table in this memory, around the index that is there.
    ///
    /// # Safety
    ///
    /// The memory is valid for a table, and the caller's, and there is an index in it.
    #[cfg(all(feature = "heapless", not(any(loom, shuttle))))]
    pub(crate) unsafe fn init(table: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*table).lifetime).write(Lifetime::new());
            (&raw mut (*table).dead).write(ExclusiveCell::new(Chain::new()));
        }
    }

    #[inline(always)]
    pub(crate) fn index(&self) -> &I {
        self.lifetime.read();
        &self.index
    }

    pub(crate) fn index_mut(&mut self) -> &mut I {
        &mut self.index
    }

    /// # Safety
    ///
    /// The caller retires the table.
    pub(crate) unsafe fn set_dead(&self, entries: Chain) {
        // SAFETY: nobody but who retires and who frees a table looks at this.
        self.dead.with_mut(|dead| unsafe { *dead = entries });
    }

    /// # Safety
    ///
    /// The caller frees the table.
    pub(crate) unsafe fn take_dead(&self) -> Chain {
        // SAFETY: as in `set_dead`.
        self.dead.with_mut(|dead| unsafe { core::mem::replace(&mut *dead, Chain::new()) })
    }
}

impl<I> Object for Table<I> {
    fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }
}

/// Memory that was reserved and holds no object yet; released when dropped.
pub struct Reserved<'a, T, P: Pool<T> + ?Sized> {
    pool: &'a P,
    handle: *mut T,
}

/// An object that nobody else can reach, not yet or not any more; destroyed when dropped.
pub struct Owned<'a, T, P: Pool<T> + ?Sized>(Reserved<'a, T, P>);

impl<'a, T, P: Pool<T> + ?Sized> Reserved<'a, T, P> {
    #[inline]
    pub(crate) fn new(pool: &'a P) -> Option<Self> {
        Some(Self { pool, handle: pool.reserve()? })
    }

    pub(crate) fn fill(self, object: T) -> Owned<'a, T, P> {
        // SAFETY: the memory is valid for a `T` and nobody else's.
        unsafe { self.pool.locate(self.handle).write(object) };
        Owned(self)
    }

    /// # Safety
    ///
    /// `init` initialises the object.
    #[cfg(all(feature = "heapless", not(any(loom, shuttle))))]
    pub(crate) unsafe fn fill_with(self, init: impl FnOnce(*mut T)) -> Owned<'a, T, P> {
        // SAFETY: reserved from this pool.
        init(unsafe { self.pool.locate(self.handle) });
        Owned(self)
    }
}

impl<'a, T, P: Pool<T> + ?Sized> Owned<'a, T, P> {
    /// Takes over an object that nothing can reach any more.
    ///
    /// # Safety
    ///
    /// `handle` was reserved from `pool`, holds an object, and nobody else uses either again.
    pub(crate) unsafe fn new(pool: &'a P, handle: *mut T) -> Self {
        Self(Reserved { pool, handle })
    }

    pub(crate) fn handle(&self) -> *mut T {
        self.0.handle
    }

    /// Lets go of the object: it was published.
    pub(crate) fn publish(self) -> *mut T {
        ManuallyDrop::new(self).0.handle
    }

    /// Moves the object out; its memory stays reserved.
    pub(crate) fn vacate(self) -> (T, Reserved<'a, T, P>) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped: neither the memory nor the object in it is released or dropped twice.
        unsafe {
            let memory = ptr::read(&this.0);
            (memory.pool.locate(memory.handle).read(), memory)
        }
    }

    /// Moves the object out and releases its memory.
    pub(crate) fn take(self) -> T {
        self.vacate().0
    }
}

impl<T, P: Pool<T> + ?Sized> Drop for Reserved<'_, T, P> {
    fn drop(&mut self) {
        // SAFETY: reserved from this pool; an object that was in it was dropped or moved out by `Owned`.
        unsafe { self.pool.release(self.handle) };
    }
}

impl<T, P: Pool<T> + ?Sized> Drop for Owned<'_, T, P> {
    fn drop(&mut self) {
        // SAFETY: an object is there and is ours. Its memory is released after this, also when its drop panics.
        unsafe { ptr::drop_in_place(self.0.pool.locate(self.0.handle)) };
    }
}
