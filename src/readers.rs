//! Who is reading: pins, and grace periods that wait for them.
//!
//! A reader *pins* the map before it loads a pointer and unpins when it is done with what it found. A writer that
//! has unlinked an object may free it after a *grace period*: once every pin that could have seen the object is
//! gone. Nothing here waits; [`Readers::poll`] says whether a grace period is over yet.
//!
//! There are two counters of pins a stripe, one for each *phase*, as in sleepable RCU (McKenney, "Sleepable RCU",
//! LWN 2006): no registration, no thread identity, nothing but one counter incremented and decremented, so that an
//! interrupt handler, a task and another core are the same to it.
//!
//! # Invariants
//!
//! 1. **A counter seen at zero once after the unlinking clears itself.** [`pin`](Readers::pin) increments a counter,
//!    then executes a sequentially consistent fence, then loads pointers, and links. [`poll`](Readers::poll) executes a
//!    sequentially consistent fence after the unlinking and then loads the counter. Of two such fences one comes
//!    first: if the reader's, the increment is seen by the load, and the counter is seen at zero only after that
//!    pin is gone (the decrement is `Release`, the load `Acquire`: what the reader did happens before the free); if
//!    the writer's, the reader loads pointers that no longer lead to the object.
//!    ([`is_idle`](Readers::is_idle) is the same, of all counters, with the fence in its caller.)
//! 2. **Hence each counter needs to be seen at zero once, each on its own**, at any time after the unlinking. Which
//!    phase a reader chose does not matter to safety, and so the phase may be read `Relaxed` and be stale. For the same
//!    reason a grace period can be [extended](Readers::extend) to what was unlinked later: it has to wait again only
//!    for the counters that are not at zero then.
//! 3. **The flip is for progress.** Overlapping readers could keep one counter above zero for ever. New readers are
//!    therefore sent to the other phase, once that other phase was seen empty; the old one then drains. So a grace
//!    period ends when the pins do that there were at its beginning, and those of one more phase; and it may become
//!    longer by an extension, but once: readers that come at the wrong moment could otherwise do that for ever.

use crate::garbage::Stack;
use crate::sync::{AtomicUsize, Ordering, const_fn, fence};

/// On x86 a locked instruction is a full fence already, and a separate one costs as much again.
pub(crate) const LOCKED_IS_FENCE: bool = cfg!(all(target_arch = "x86_64", not(loom), not(miri)));

/// A SeqCst fence between an unpin and the looks, by [`LOOK`], at who else is pinned and what waits.
///
/// On x86 the unpin is one. In the language's terms: there, the unlinking, pins and unpins, the counts of what waits
/// and these looks are all SeqCst, and so in one order.
#[inline(always)]
pub(crate) fn fence_after_unpin() {
    if !LOCKED_IS_FENCE {
        fence(Ordering::SeqCst);
    }
}

/// How to look at what others count, after [`fence_after_unpin`].
pub(crate) const LOOK: Ordering = if LOCKED_IS_FENCE { Ordering::SeqCst } else { Ordering::Relaxed };

/// Stripes of counters. One on bare metal, where there are few cores and little memory; several cache lines on a
/// host, so that readers on different cores do not write to the same line.
pub(crate) const STRIPES: usize = if cfg!(striped) { 8 } else { 1 };

/// What the callers of one stripe write to.
pub(crate) struct Stripe {
    pins: Pins,
    /// The module [`garbage`](crate::garbage)'s, here so that a write, too, goes to a cache
    /// line that no other core writes to.
    pub(crate) retired: Retired,
}

/// The pins in each phase.
#[cfg_attr(striped, repr(align(128)))]
struct Pins([AtomicUsize; 2]);

/// What was retired, and how much of it waits. In a cache line of its own: every write looks at those of
/// all stripes, and few write there.
#[cfg_attr(striped, repr(align(128)))]
pub(crate) struct Retired {
    pub(crate) list: Stack,
    pub(crate) waiting: AtomicUsize,
}

impl Stripe {
    const_fn! {
        fn new() -> Self {
            Self {
                pins: Pins([AtomicUsize::new(0), AtomicUsize::new(0)]),
                retired: Retired { list: Stack::new(), waiting: AtomicUsize::new(0) },
            }
        }
    }
}

/// The reader counts of one map.
pub(crate) struct Readers {
    stripes: [Stripe; STRIPES],
    /// The phase, 0 or 1, that new readers count in.
    phase: AtomicUsize,
}

/// A pin: while it exists, nothing that could be reached through the map when it was made is freed.
///
/// It holds its counter, and so may be dropped by another thread than the one that made it.
pub(crate) struct Pin<'a> {
    pins: &'a AtomicUsize,
}

/// The counters that a grace period still waits for: bit `phase * STRIPES + i` stands for the one of stripe `i`. And
/// [`MAY_GROW`].
pub(crate) struct Grace {
    waiting: u32,
}

/// The grace period has not become longer yet by being extended. (Among the others, as if it were a counter that is
/// always in use: another word would make all maps larger, and some accesses to their fields longer.)
const MAY_GROW: u32 = 1 << 31;

/// How far a grace period is.
pub(crate) enum Progress {
    Over,
    /// Not over; but nobody counts in a counter that it no longer waits for, so that it may be extended to what was
    /// unlinked since: without becoming longer, unless somebody pins just now.
    Extensible,
    Waiting,
}

/// Where a counter that overflowed is put: as far from zero as from the sign change on either side.
const SATURATED: usize = isize::MAX as usize + (isize::MAX as usize >> 1);

impl Readers {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                #[cfg(striped)]
                stripes: [const { Stripe::new() }; STRIPES],
                #[cfg(not(striped))]
                stripes: [Stripe::new()],
                phase: AtomicUsize::new(0),
            }
        }
    }

    /// Pins: one atomic increment and a fence; never fails, never waits.
    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline(always))]
    pub(crate) fn pin(&self) -> Pin<'_> {
        // Relaxed: see invariant 2. The mask keeps the index in bounds without a check.
        let pins = &self.here().pins.0[self.phase.load(Ordering::Relaxed) & 1];
        let before = if LOCKED_IS_FENCE {
            // In the language's terms: the increment and the loads of the pointers are all SeqCst, and the unlinking
            // precedes the fence in `poll`, so invariant 1 holds with this operation in the place of the fence.
            pins.fetch_add(1, Ordering::SeqCst)
        } else {
            // Relaxed: ordered by the fence, which pairs with the one in `poll` (invariant 1).
            let before = pins.fetch_add(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            before
        };
        if before > isize::MAX as usize {
            saturate(pins);
        }
        Pin { pins }
    }

    /// The caller's stripe.
    #[inline(always)]
    pub(crate) fn here(&self) -> &Stripe {
        &self.stripes[stripe()]
    }

    pub(crate) fn stripes(&self) -> &[Stripe] {
        &self.stripes
    }

    /// Ends all pins, for whoever has exclusive access: pins borrow the map, so those that are left were forgotten.
    pub(crate) fn end_pins(&mut self) {
        for stripe in &mut self.stripes {
            stripe.pins = Pins([AtomicUsize::new(0), AtomicUsize::new(0)]);
        }
    }

    /// Starts a grace period for what was unlinked before this call.
    pub(crate) fn grace(&self) -> Grace {
        Grace { waiting: MAY_GROW | ((1 << (2 * STRIPES)) - 1) }
    }

    /// How far the grace period is. When it is over, what was unlinked before it began can be freed.
    pub(crate) fn poll(&self, grace: &mut Grace) -> Progress {
        // SeqCst: pairs with the fence in `pin` (invariant 1).
        fence(Ordering::SeqCst);
        let in_use = self.in_use() | MAY_GROW;
        grace.waiting &= in_use;
        if grace.waiting & !MAY_GROW == 0 {
            return Progress::Over;
        }
        // Relaxed: only the one that collects flips, and invariant 2 holds for readers.
        let other = 1 - (self.phase.load(Ordering::Relaxed) & 1);
        if grace.waiting & counters(other) == 0 {
            // The other phase has drained: send new readers there, and this one will (invariant 3).
            self.phase.store(other, Ordering::Relaxed);
        }
        if in_use & !grace.waiting == 0 { Progress::Extensible } else { Progress::Waiting }
    }

    /// Whether nobody is pinned: of what was unlinked before this call, whoever could see it is gone then. For a caller
    /// that has executed a SeqCst fence since, or [`fence_after_unpin`] (invariant 1).
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        // The fence when all are zero: pairs with the unpins, as in `in_use`.
        let idle = self.stripes.iter().flat_map(|stripe| &stripe.pins.0).all(|pins| pins.load(LOOK) == 0);
        if idle {
            fence(Ordering::Acquire);
        }
        idle
    }

    /// Extends the grace period to what was unlinked before this call: waits for all that are pinned now, too.
    pub(crate) fn extend(&self, grace: &mut Grace) {
        // SeqCst: pairs with the fence in `pin` (invariant 1).
        fence(Ordering::SeqCst);
        let in_use = self.in_use();
        if in_use & !grace.waiting != 0 {
            grace.waiting = (grace.waiting | in_use) & !MAY_GROW;
        }
    }

    /// The counters that are not at zero, as in [`Grace`].
    fn in_use(&self) -> u32 {
        let mut in_use = 0;
        for (i, stripe) in self.stripes.iter().enumerate() {
            for (phase, pins) in stripe.pins.0.iter().enumerate() {
                // Acquire: pairs with the unpin. What the reader did happens before the free.
                in_use |= u32::from(pins.load(Ordering::Acquire) != 0) << (phase * STRIPES + i);
            }
        }
        in_use
    }
}

/// The counters of a phase, as in [`Grace`].
fn counters(phase: usize) -> u32 {
    ((1 << STRIPES) - 1) << (phase * STRIPES)
}

/// A stripe for the caller. On a host it is taken from the address of a stack variable: threads have distant stacks,
/// and no thread identity is needed.
#[cfg(striped)]
#[inline(always)]
pub(crate) fn stripe() -> usize {
    let here = 0_u8;
    // Multiplicative hashing of the page: stacks lie at regular distances.
    let page = (&raw const here).addr() >> 12;
    (page.wrapping_mul(0x9E37_79B9) >> 16) % STRIPES
}

#[cfg(not(striped))]
#[inline(always)]
pub(crate) fn stripe() -> usize {
    0
}

/// Keeps a counter that overflowed away from zero for good: what it guards is then never freed.
///
/// Only forgotten pins (`mem::forget`) bring a counter this far. Pins that exist are in memory, each in a word at least,
/// which is not all that is there, so there are fewer of them than it is from `SATURATED` to either end of the
/// saturated range: their decrements cannot bring the counter out of it, and each new pin puts it back into the middle.
#[cold]
fn saturate(pins: &AtomicUsize) {
    pins.store(SATURATED, Ordering::Relaxed);
}

impl Drop for Pin<'_> {
    #[cfg_attr(small, inline(never))]
    #[cfg_attr(not(small), inline(always))]
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `poll`. SeqCst: see `fence_after_unpin`.
        self.pins.fetch_sub(1, if LOCKED_IS_FENCE { Ordering::SeqCst } else { Ordering::Release });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::mem::forget;

    use super::*;

    #[test]
    fn a_grace_period_ends_though_readers_overlap() {
        let readers = Readers::new();
        let first = readers.pin();
        let mut grace = readers.grace();
        assert!(matches!(readers.poll(&mut grace), Progress::Extensible));
        // Sent to the other phase, and kept there as long as the first one is not drained.
        let second = readers.pin();
        assert!(matches!(readers.poll(&mut grace), Progress::Waiting));
        let third = readers.pin();
        drop((first, second));
        assert!(matches!(readers.poll(&mut grace), Progress::Over));
        drop(third);
    }

    #[test]
    fn a_grace_period_that_is_extended_waits_for_who_was_there_and_who_came_meanwhile() {
        for turn in [false, true] {
            let readers = Readers::new();
            let first = readers.pin();
            let mut grace = readers.grace();
            assert!(matches!(readers.poll(&mut grace), Progress::Extensible));
            let second = readers.pin();
            readers.extend(&mut grace);
            let (goes, stays) = if turn { (second, first) } else { (first, second) };
            drop(goes);
            assert!(!matches!(readers.poll(&mut grace), Progress::Over));
            drop(stays);
            assert!(matches!(readers.poll(&mut grace), Progress::Over));
        }
    }

    /// Each pin is made in the moment between a look and what follows from it, and outlives the next one.
    #[test]
    fn a_grace_period_ends_though_it_is_extended_each_time_that_it_may() {
        let readers = Readers::new();
        let mut pin = readers.pin();
        let mut grace = readers.grace();
        for _ in 0..10 {
            let progress = readers.poll(&mut grace);
            let next = readers.pin();
            match progress {
                Progress::Over => return,
                Progress::Extensible => readers.extend(&mut grace),
                Progress::Waiting => {}
            }
            drop(core::mem::replace(&mut pin, next));
        }
        panic!("each pin lasted one round, and the grace period all of them");
    }

    /// So many pins cannot be made by a test; what it forgets, it writes.
    #[test]
    fn a_counter_that_overflowed_is_never_at_zero_again() {
        let distance = isize::MAX as usize / 2;
        assert!(SATURATED - isize::MAX as usize >= distance && SATURATED.wrapping_neg() >= distance);
        let readers = Readers::new();
        // In each stripe: under Miri, a thread's stack variables do not lie together, and so
        // each pin may be in another one.
        let count =
            |count| readers.stripes().iter().for_each(|stripe| stripe.pins.0[0].store(count, Ordering::Relaxed));
        count(isize::MAX as usize);
        let pin = readers.pin();
        assert_eq!(pin.pins.load(Ordering::Relaxed), isize::MAX as usize + 1, "the last one that is counted");
        forget(pin);
        count(isize::MAX as usize + 1);
        for _ in 0..2 {
            let pins = readers.pin().pins;
            assert_eq!(pins.load(Ordering::Relaxed), SATURATED - 1);
        }
        assert!(
            !readers.is_idle()
                && matches!(readers.poll(&mut readers.grace()), Progress::Waiting | Progress::Extensible)
        );
    }
}
