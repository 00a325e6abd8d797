//! One entry: a key, and a slot with the state of its value. Every transition of the slot is in this file.
//!
//! An entry is shared by the tables `read` and `dirty`, so that a store through either is seen through both. (Where
//! memory is limited there is one table: module [`in_place`](crate::in_place).) Its slot is one atomic word:
//!
//! ```text
//!            replace                   expunge
//!            ┌─────┐                 (under the lock)
//!            │     ▼      delete
//!  new ───▶  live(node) ─────────▶ DELETED ─────────▶ EXPUNGED
//!                │    ◀─────────      │                  ▲
//!                │       revive       │       kill       │
//!                └────────────────────┴──────────────────┘
//! ```
//!
//! # Invariants
//!
//! 1. EXPUNGED is for good: an entry in this state is not in `dirty`, takes no value any more, and whoever meets it
//!    looks for the key elsewhere, if there is a `dirty`. (Go revives expunged entries. With this rule all that a copy
//!    expunged is freed as one list when `dirty` is promoted, and no state has to be looked at again.)
//! 2. A transition is one compare-and-swap from the state it was decided on, or, in [`kill`](Entry::kill), a swap
//!    whose result tells what was there. Whoever took a node out of the slot retires it, or frees it at a moment when
//!    nobody is pinned; nobody else does.
//! 3. A node is compared by address, and its address cannot come back meanwhile: whoever compares is pinned since
//!    before it loaded the address, and a node taken out is used again only after a grace period (or such a moment).
//! 4. Every access is SeqCst. Linearizability across keys needs it: a store that returned must not be overtaken by the
//!    caller's next load of another entry. Freeing does, on x86: `LOCKED_IS_FENCE` in the module
//!    [`readers`](crate::readers). On Arm the loads cost the barrier that Acquire costs.

use core::ptr;

use crate::storage::Object;
use crate::sync::{AtomicPtr, Lifetime, Ordering::SeqCst};

/// A value, in memory that a storage hands out and takes back.
pub struct Node<V> {
    lifetime: Lifetime,
    pub(crate) value: V,
}

/// A key, and the slot. (Its hash is kept beside it: [`Core::hash_of`](crate::map::Core::hash_of).)
pub struct Entry<K, V> {
    lifetime: Lifetime,
    pub(crate) key: K,
    slot: AtomicPtr<Node<V>>,
}

/// What a slot held when it was looked at.
pub(crate) enum State<V> {
    Live(*mut Node<V>),
    Deleted,
    Expunged,
}

/// The marker of a slot without a value.
const fn deleted<V>() -> *mut Node<V> {
    ptr::null_mut()
}

/// The marker of a slot that is dead. No handle has this address.
const fn expunged<V>() -> *mut Node<V> {
    ptr::without_provenance_mut(1)
}

impl<V> State<V> {
    #[inline(always)]
    fn of(word: *mut Node<V>) -> Self {
        // The markers are the lowest two addresses: live, which is what it mostly is, is one comparison.
        if word.addr() > expunged::<V>().addr() {
            State::Live(word)
        } else if word == deleted() {
            State::Deleted
        } else {
            State::Expunged
        }
    }
}

impl<V> Node<V> {
    pub(crate) fn new(value: V) -> Self {
        Self { lifetime: Lifetime::new(), value }
    }
}

impl<K, V> Entry<K, V> {
    /// A live entry.
    pub(crate) fn new(key: K, node: *mut Node<V>) -> Self {
        Self { lifetime: Lifetime::new(), key, slot: AtomicPtr::new(node) }
    }

    #[inline(always)]
    pub(crate) fn state(&self) -> State<V> {
        State::of(self.slot.load(SeqCst))
    }

    #[inline(always)]
    pub(crate) fn is_expunged(&self) -> bool {
        matches!(self.state(), State::Expunged)
    }

    /// live → live: the node that was there is the caller's to retire.
    #[inline]
    pub(crate) fn replace(&self, current: *mut Node<V>, new: *mut Node<V>) -> Result<(), State<V>> {
        exchange(&self.slot, current, new)
    }

    /// DELETED → live.
    #[inline]
    pub(crate) fn revive(&self, new: *mut Node<V>) -> Result<(), State<V>> {
        exchange(&self.slot, deleted(), new)
    }

    /// live → DELETED: the node that was there is the caller's to retire.
    #[inline]
    pub(crate) fn delete(&self, current: *mut Node<V>) -> Result<(), State<V>> {
        exchange(&self.slot, current, deleted())
    }

    /// DELETED → EXPUNGED. The caller holds the lock, and the entry is not in `dirty`, if there is one.
    pub(crate) fn expunge(&self) -> Result<(), State<V>> {
        exchange(&self.slot, deleted(), expunged())
    }

    /// any → EXPUNGED, for an entry that no table leads to any more: returns what was there; a node is the caller's
    /// to retire.
    pub(crate) fn kill(&self) -> State<V> {
        State::of(self.slot.swap(expunged(), SeqCst))
    }
}

#[cfg_attr(small, inline(never))]
#[cfg_attr(not(small), inline)]
fn exchange<V>(slot: &AtomicPtr<Node<V>>, from: *mut Node<V>, to: *mut Node<V>) -> Result<(), State<V>> {
    match slot.compare_exchange(from, to, SeqCst, SeqCst) {
        Ok(_) => Ok(()),
        Err(word) => Err(State::of(word)),
    }
}

impl<V> Object for Node<V> {
    fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }
}

impl<K, V> Object for Entry<K, V> {
    fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }
}
