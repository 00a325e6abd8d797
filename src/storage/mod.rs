//! Where a map's objects live: the seam between the algorithm and memory.
//!
//! The algorithm handles three kinds of objects, [`Node`]s, [`Entry`]s and [`Table`]s, by a pointer-sized *handle* of the
//! type `*mut T`. For the heap a handle is the object's address. A storage without an allocator can use a number as
//! the handle (`ptr::without_provenance_mut`), so that the map may be moved; nothing but [`Pool::locate`] may
//! therefore turn a handle into an address. Null and the address 1 are no handles: they mark states.

use core::mem::ManuallyDrop;
use core::ptr;

use crate::entry::{Entry, Node};
use crate::garbage::Linked;
use crate::sync::{AtomicPtr, Lifetime};

pub(crate) mod heap;

/// Memory for objects of one kind.
///
/// # Safety
///
/// A reserved handle is word-aligned, is neither null nor 1, belongs to nobody else until it is released, and
/// `locate` gives the same, valid, suitably aligned memory for it until then (as long as `self` is not moved).
pub(crate) unsafe trait Pool<T> {
    /// Uninitialised memory for one object, if there is some. Never waits.
    fn reserve(&self) -> Option<*mut T>;

    /// Takes memory back.
    ///
    /// # Safety
    ///
    /// `handle` was reserved from this pool, is not in use, and its object was dropped or moved out.
    unsafe fn release(&self, handle: *mut T);

    /// The object's address.
    fn locate(&self, handle: *mut T) -> *mut T;
}

/// The index of a table: a set of handles of entries by their hash. `E` is the entry.
pub(crate) trait Index<E> {
    fn find(&self, hash: usize, eq: impl FnMut(*mut E) -> bool) -> Option<*mut E>;

    /// Adds an entry that is not in the index, which is not full. `hash_of` is there for implementations that
    /// have to move what they hold.
    fn insert(&mut self, hash: usize, entry: *mut E, hash_of: impl Fn(*mut E) -> usize);

    /// Takes out the entry with this very handle.
    fn remove(&mut self, hash: usize, entry: *mut E);

    fn len(&self) -> usize;

    /// Whether the next `insert` would have to move what is there.
    fn is_full(&self) -> bool;

    /// The number of buckets: each entry is in one of them, and stays there while nothing is inserted.
    fn buckets(&self) -> usize;

    fn bucket(&self, i: usize) -> Option<*mut E>;
}

/// One of the tables `read` and `dirty`.
pub(crate) struct Table<I> {
    link: AtomicPtr<Table<I>>,
    lifetime: Lifetime,
    index: I,
}

/// All that a map keeps in memory.
///
/// # Safety
///
/// As for [`Pool`]; and an index holds exactly the handles that were inserted and not removed.
pub(crate) unsafe trait Storage<K, V>:
    Pool<Node<V>> + Pool<Entry<K, V>> + Pool<Table<Self::Index>>
{
    type Index: Index<Entry<K, V>>;

    /// An empty index with room for `capacity` entries, if there is memory for it.
    fn index(&self, capacity: usize) -> Option<Self::Index>;
}

/// The object behind a handle, for as long as the caller says.
///
/// # Safety
///
/// The handle was reserved from `pool`, the object is there, and it is not freed during `'a`.
#[inline(always)]
pub(crate) unsafe fn resolve<'a, T: Linked>(pool: &impl Pool<T>, handle: *mut T) -> &'a T {
    // SAFETY: the caller's promise.
    let object = unsafe { &*pool.locate(handle) };
    object.lifetime().read();
    object
}

impl<I> Table<I> {
    pub(crate) fn new(index: I) -> Self {
        Self { link: AtomicPtr::new(ptr::null_mut()), lifetime: Lifetime::new(), index }
    }

    #[inline(always)]
    pub(crate) fn index(&self) -> &I {
        self.lifetime.read();
        &self.index
    }

    pub(crate) fn index_mut(&mut self) -> &mut I {
        &mut self.index
    }
}

impl<I> Linked for Table<I> {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }

    fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }
}

/// Memory that was reserved and holds no object yet; released when dropped.
pub(crate) struct Reserved<'a, T, P: Pool<T>> {
    pool: &'a P,
    handle: *mut T,
}

/// An object that nobody else can reach, not yet or not any more; destroyed when dropped.
pub(crate) struct Owned<'a, T, P: Pool<T>>(Reserved<'a, T, P>);

impl<'a, T, P: Pool<T>> Reserved<'a, T, P> {
    pub(crate) fn new(pool: &'a P) -> Option<Self> {
        Some(Self { pool, handle: pool.reserve()? })
    }

    pub(crate) fn fill(self, object: T) -> Owned<'a, T, P> {
        // SAFETY: the memory is valid for a `T` and nobody else's.
        unsafe { self.pool.locate(self.handle).write(object) };
        Owned(self)
    }
}

impl<'a, T, P: Pool<T>> Owned<'a, T, P> {
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

    /// Moves the object out and releases its memory.
    pub(crate) fn take(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped: neither the memory nor the object in it is released or dropped twice.
        unsafe {
            let memory = ptr::read(&this.0);
            memory.pool.locate(memory.handle).read()
        }
    }
}

impl<T, P: Pool<T>> Drop for Reserved<'_, T, P> {
    fn drop(&mut self) {
        // SAFETY: reserved from this pool; an object that was in it was dropped or moved out by `Owned`.
        unsafe { self.pool.release(self.handle) };
    }
}

impl<T, P: Pool<T>> Drop for Owned<'_, T, P> {
    fn drop(&mut self) {
        // SAFETY: an object is there and is ours. Its memory is released after this, also when its drop panics.
        unsafe { ptr::drop_in_place(self.0.pool.locate(self.0.handle)) };
    }
}
