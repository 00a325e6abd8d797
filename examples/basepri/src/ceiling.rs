//! The lock.

use core::sync::atomic::{AtomicBool, Ordering::*, compiler_fence};
use cortex_m::register::basepri;
use twinmap::ScopedRawMutex;

/// The priority up to which interrupts are masked; a lower number is a higher priority.
pub struct Ceiling<const PRIORITY: u8>(AtomicBool);

impl<const PRIORITY: u8> Ceiling<PRIORITY> {
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }
}

// SAFETY: who waits for the lock runs at this priority or below, and so never while it is held; the flag refuses the
// holder itself, and those above, from before the closure until after it (Acquire, Release). The fences keep all of that
// between the writes, whatever `cortex-m` promises.
unsafe impl<const PRIORITY: u8> ScopedRawMutex for Ceiling<PRIORITY> {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        let before = basepri::read();
        // SAFETY: it masks more, and never less than before. (0 masks nothing.)
        unsafe { basepri::write(if before == 0 { PRIORITY } else { before.min(PRIORITY) }) };
        compiler_fence(SeqCst);
        let result = (!self.0.swap(true, Acquire)).then(|| {
            let result = f(); // (A panic ends the program.)
            self.0.store(false, Release);
            result
        });
        compiler_fence(SeqCst);
        // SAFETY: as it was.
        unsafe { basepri::write(before) };
        result
    }

    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        self.try_with_lock(f).expect("held: called from above the ceiling, or from a key's Eq")
    }

    fn is_locked(&self) -> bool {
        self.0.load(Relaxed)
    }
}
