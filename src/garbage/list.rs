//! Lists of objects of all kinds: what leads to an object says in its two lowest bits, which handles
//! have free, of which kind it is.

use core::ptr;

use crate::entry::{Entry, Node};
use crate::readers::Readers;
use crate::storage::{Link, Pool, Storage, Table};
use crate::sync::{AtomicPtr, Ordering, const_fn};

/// The kind of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Node = 0,
    Entry = 1,
    Table = 2,
}

/// The bits that say it.
const KIND: usize = 3;

impl Kind {
    #[inline(always)]
    pub(super) fn of(link: Link) -> Self {
        match link.addr() & KIND {
            0 => Self::Node,
            1 => Self::Entry,
            _ => Self::Table,
        }
    }
}

pub(super) fn tagged<T>(handle: *mut T, kind: Kind) -> Link {
    handle.map_addr(|addr| addr | kind as usize).cast()
}

pub(super) fn untagged<T>(link: Link) -> *mut T {
    link.map_addr(|addr| addr & !KIND).cast()
}

/// The link of an entry, for a [`Chain`](crate::storage::Chain).
pub(crate) fn entry_link<K, V>(entry: *mut Entry<K, V>) -> Link {
    tagged(entry, Kind::Entry)
}

/// A list that anybody puts to, and that is only ever taken whole: so there is no ABA.
pub(crate) struct Stack(AtomicPtr<()>);

impl Stack {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self(AtomicPtr::new(ptr::null_mut()))
        }
    }

    /// # Safety
    ///
    /// It is an object of `storage`, in no list, and the caller's.
    pub(super) unsafe fn push<K, V, St: Storage<K, V>>(&self, storage: &St, item: Link) {
        let mut below = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: the caller's promise.
            unsafe { set_next(storage, item, below) };
            // Release: pairs with the Acquire of who takes; carries the links, and the unlinking.
            match self.0.compare_exchange_weak(below, item, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => below = now,
            }
        }
    }

    /// Takes all.
    fn take(&self) -> Link {
        // Relaxed: if an object is missed here, its retirer's own `collect` comes after; or, of a table that a lookup
        // has promoted, the next write's.
        if self.0.load(Ordering::Relaxed).is_null() {
            return ptr::null_mut();
        }
        self.0.swap(ptr::null_mut(), Ordering::Acquire)
    }
}

/// Takes all that has been retired, and puts it to a list. Whether there was something.
///
/// # Safety
///
/// The list is the caller's, and the objects are of `storage`.
pub(super) unsafe fn take<K, V, St: Storage<K, V>>(storage: &St, readers: &Readers, list: &mut Link) -> bool {
    let mut found = false;
    for stripe in readers.stripes() {
        let mut item = stripe.retired.list.take();
        found |= !item.is_null();
        if list.is_null() {
            *list = item;
            continue;
        }
        while !item.is_null() {
            // SAFETY: objects of the storage, which belong to the caller now.
            unsafe {
                let next = next(storage, item);
                set_next(storage, item, *list);
                *list = item;
                item = next;
            }
        }
    }
    found
}

/// The link of an object of any kind.
///
/// # Safety
///
/// The object is of `storage`.
#[inline(never)]
pub(super) unsafe fn next<K, V, St: Storage<K, V>>(storage: &St, item: Link) -> Link {
    // SAFETY: the caller's promise.
    unsafe {
        match Kind::of(item) {
            Kind::Node => Pool::<Node<V>>::next(storage, untagged(item)),
            Kind::Entry => Pool::<Entry<K, V>>::next(storage, untagged(item)),
            Kind::Table => Pool::<Table<St::Index>>::next(storage, untagged(item)),
        }
    }
}

/// # Safety
///
/// As for [`next`].
#[cfg_attr(not(small), inline(never))]
pub(super) unsafe fn set_next<K, V, St: Storage<K, V>>(storage: &St, item: Link, next: Link) {
    // SAFETY: the caller's promise.
    unsafe {
        match Kind::of(item) {
            Kind::Node => Pool::<Node<V>>::set_next(storage, untagged(item), next),
            Kind::Entry => Pool::<Entry<K, V>>::set_next(storage, untagged(item), next),
            Kind::Table => Pool::<Table<St::Index>>::set_next(storage, untagged(item), next),
        }
    }
}
