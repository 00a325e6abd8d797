//! Those who free while others may collect.
//!
//! Only what is long, only of a growing map, and not on bare metal: to make a value takes longer there than to drop it,
//! and a handler that meets a collector has the less to do. (Three threads that did nothing but write, of the priority
//! of a fourth one that frees for them, would come close to what that is able to.) On a host, dropping what another
//! core wrote, and long ago, may take several times as long as making it.
//!
//! A destructor that writes may collect as well then, and run destructors. Those of a collector that has no turn
//! cannot: so they nest no deeper than `MOST` and one, and come to an end although each of them writes again (`IN_ALL`;
//! those of 80 values, of which each inserts another one, within seconds, after a hundred million).

#[cfg(target_os = "none")]
pub(super) use self::bare::*;
#[cfg(not(target_os = "none"))]
pub(super) use self::hosted::*;

#[cfg(not(target_os = "none"))]
mod hosted {
    use crate::sync::{AtomicUsize, Ordering, const_fn};

    pub(in crate::garbage) const SEVERAL: bool = true;

    /// More objects than this are to be freed while others may collect.
    const LONG: usize = if cfg!(any(loom, shuttle)) { 1 } else { 64 };
    /// So many may do that at a time. (Of those that are explored by loom, all; by shuttle, not all.)
    const MOST: usize = if cfg!(shuttle) { 1 } else { 32 };
    /// So many begin before there has to be a moment without one.
    const IN_ALL: usize = 64;

    /// How many there are; and, in its upper half, how many there were since there was none.
    pub(in crate::garbage) struct Freeing(AtomicUsize);

    const UPPER: usize = 1 << (usize::BITS / 2);

    impl Freeing {
        const_fn! {
            pub(in crate::garbage) fn new() -> Self {
                Self(AtomicUsize::new(0))
            }
        }

        /// Whether the caller may, who has so many to free: until what is returned is dropped.
        pub(in crate::garbage) fn turn(&self, len: usize) -> Option<Turn<'_>> {
            if len <= LONG {
                return None;
            }
            // Relaxed: a number, by which nothing is ordered.
            let turn =
                self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| match (now % UPPER, now / UPPER) {
                    (0, _) => Some(1 + UPPER),
                    (others, in_all) if others < MOST && in_all < IN_ALL => Some(now + 1 + UPPER),
                    _ => None,
                });
            turn.ok().map(|_| Turn(self))
        }
    }

    pub(in crate::garbage) struct Turn<'a>(&'a Freeing);

    impl Drop for Turn<'_> {
        fn drop(&mut self) {
            self.0.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    mod tests {
        extern crate std;

        use std::vec::Vec;

        use super::*;

        #[test]
        fn so_many_at_a_time_and_so_many_until_there_is_none() {
            let freeing = Freeing::new();
            assert!(freeing.turn(LONG).is_none(), "too few objects");
            let turn = || freeing.turn(LONG + 1);

            let most: Vec<_> = (0..MOST).map(|_| turn().expect("there may be more")).collect();
            assert!(turn().is_none(), "too many at a time");
            drop(most);

            let first = turn();
            assert!((1..IN_ALL).all(|_| turn().is_some()), "one after the other, besides the first one");
            assert!(turn().is_none(), "too many in all");
            drop(first);
            assert!(turn().is_some(), "there was none");
        }
    }
}

#[cfg(target_os = "none")]
mod bare {
    pub(in crate::garbage) const SEVERAL: bool = false;

    pub(in crate::garbage) struct Freeing;

    pub(in crate::garbage) enum Turn {}

    impl Freeing {
        pub(in crate::garbage) const fn new() -> Self {
            Self
        }

        pub(in crate::garbage) fn turn(&self, _: usize) -> Option<Turn> {
            None
        }
    }
}
