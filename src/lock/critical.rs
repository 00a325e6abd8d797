//! The lock that masks interrupts.

use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use mutex_traits::{ConstInit, ScopedRawMutex};

/// A lock that masks interrupts, through the `critical-section` crate, while it is held.
///
/// With it, every operation of a map may be called from every interrupt handler that it masks: the holder cannot be
/// interrupted. (NMI and HardFault can interrupt it, and are to keep to what `SpinLock` allows; where several cores
/// exclude each other, to looking up and overwriting known keys; without compare-and-swap, to nothing at all.) The map
/// holds its lock for a short, bounded time (see the crate's documentation).
///
/// On a system with several cores, link an implementation of `critical-section` that excludes the other cores as well,
/// as those of HALs for such chips do; `cortex-m`'s does not. Whoever enters a section then waits for the one of
/// another core, also in a `try_` operation. On one core nobody waits, and `try_` operations give `WouldBlock` only
/// from an NMI or a HardFault, and from a key's `Eq`.
///
/// The lock is not reentrant, and says so: [`with_lock`](ScopedRawMutex::with_lock) within `with_lock` panics, which a
/// key's `Eq` can bring about by calling the map it is in.
///
/// ```
/// use twinmap::{CriticalSectionLock, FixedMap};
///
/// static ALARMS: FixedMap<u8, u32, 8, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());
///
/// fn any_interrupt_handler(alarm: u8, now: u32) {
///     let _rejected_if_full_or_busy = ALARMS.get_or_insert(alarm, now);
/// }
/// # any_interrupt_handler(1, 2);
/// # assert_eq!(ALARMS.len(), 1);
/// ```
pub struct CriticalSectionLock {
    // Load and store suffice: it is written inside a critical section only.
    held: AtomicBool,
}

impl CriticalSectionLock {
    /// An unlocked lock, for `TwinMap::with_lock`.
    pub const fn new() -> Self {
        Self { held: AtomicBool::new(false) }
    }

    /// Runs `f` holding the lock; `None` when it is held already. Interrupts are masked.
    fn enter<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        struct Release<'a>(&'a AtomicBool);

        impl Drop for Release<'_> {
            fn drop(&mut self) {
                compiler_fence(Ordering::SeqCst);
                self.0.store(false, Ordering::Relaxed);
            }
        }

        // Relaxed: the critical section orders its holders. What it does not mask runs on the same core, and finds the
        // flag set as long as anything is done under it: for that, the compiler has to leave the order as it is.
        if self.held.load(Ordering::Relaxed) {
            return None;
        }
        self.held.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let _release = Release(&self.held);
        Some(f())
    }
}

impl Default for CriticalSectionLock {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for CriticalSectionLock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CriticalSectionLock").field("locked", &self.is_locked()).finish()
    }
}

impl ConstInit for CriticalSectionLock {
    #[allow(clippy::declare_interior_mutable_const)] // What the trait asks for.
    const INIT: Self = Self::new();
}

// SAFETY: a critical section excludes every other context, and `held` the one that is inside already. The critical
// section is the outer of the two: it ends after `held` is reset, also when the closure unwinds.
unsafe impl ScopedRawMutex for CriticalSectionLock {
    #[inline]
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        critical_section::with(|_| self.enter(f))
    }

    #[inline]
    #[track_caller]
    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        match critical_section::with(|_| self.enter(f)) {
            Some(result) => result,
            None => {
                panic!("CriticalSectionLock re-entered: the lock was taken again by code that runs while it is held")
            }
        }
    }

    fn is_locked(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }
}
