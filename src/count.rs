//! How many keys a map has.
//!
//! # Invariants
//!
//! 1. The count is incremented before an entry becomes live and decremented after it ceased to be: it is never less
//!    than the number of live entries that the tables lead to.
//! 2. With a limit, it is incremented under the lock only, and never beyond the limit.
//! 3. With a limit, a removal *begins* before the entry ceases to be live and *ends* with the decrement, in one step.
//!    So whoever holds the lock and finds no removal under way, and as many keys as the limit, in the one word, has
//!    found a moment when exactly so many were live: [`is_full`](Count::is_full) is never wrong.
//!
//! Without a limit there is nothing to be full, and a removal costs the decrement alone. The count cannot overflow:
//! each key has an entry and a node, of several words.

use core::marker::PhantomData;

use crate::storage::Limit;
use crate::sync::{AtomicUsize, Ordering::SeqCst, add, const_fn};

/// The keys, and with a limit, in the upper half, the removals under way.
///
/// Every access is SeqCst, as those of the slots are.
pub(crate) struct Count<B> {
    word: AtomicUsize,
    _limit: PhantomData<fn() -> B>,
}

/// One removal under way. Contexts that preempt each other, or cores: far fewer than half a word counts.
const REMOVAL: usize = 1 << (usize::BITS / 2);

impl<B: Limit> Count<B> {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self { word: AtomicUsize::new(0), _limit: PhantomData }
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        let word = self.word.load(SeqCst);
        if B::LIMIT.is_some() { word % REMOVAL } else { word }
    }

    /// Counts a key that is about to be live; `false` when there is no room for one. With a limit: under the lock.
    pub(crate) fn claim(&self) -> bool {
        let room = self.has_room();
        if room {
            add(&self.word, 1);
        }
        room
    }

    /// Whether there is room for another key.
    pub(crate) fn has_room(&self) -> bool {
        B::LIMIT.is_none_or(|limit| self.get() < limit)
    }

    /// Takes [`claim`](Self::claim) back.
    pub(crate) fn unclaim(&self) {
        add(&self.word, 1_usize.wrapping_neg());
    }

    /// A removal of some keys begins.
    #[inline]
    pub(crate) fn begin_removal(&self) {
        if B::LIMIT.is_some() {
            add(&self.word, REMOVAL);
        }
    }

    /// A removal has ended, of so many keys.
    #[inline]
    pub(crate) fn end_removal(&self, keys: usize) {
        let under_way = if B::LIMIT.is_some() { REMOVAL } else { 0 };
        if under_way + keys != 0 {
            add(&self.word, (under_way + keys).wrapping_neg());
        }
    }

    /// Whether as many keys as there may be were live at one moment of this call. To be called under the lock.
    pub(crate) fn is_full(&self) -> bool {
        B::LIMIT == Some(self.word.load(SeqCst))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Two;

    impl Limit for Two {
        const LIMIT: Option<usize> = Some(2);
    }

    #[test]
    fn a_count_at_its_limit_is_not_full_while_a_removal_is_under_way() {
        let count = Count::<Two>::new();
        assert!(count.claim() && !count.is_full() && count.claim());
        assert!(count.is_full() && !count.has_room() && !count.claim());
        count.begin_removal();
        assert_eq!((count.get(), count.is_full(), count.has_room()), (2, false, false));
        count.begin_removal();
        count.end_removal(0);
        assert!(!count.is_full());
        count.end_removal(1);
        assert_eq!((count.get(), count.is_full(), count.has_room()), (1, false, true));
    }
}
