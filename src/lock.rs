//! The locks that come with the crate, and how the algorithm takes one.
//!
//! Any [`ScopedRawMutex`] will do that is not recursive: a BASEPRI ceiling, an RTOS mutex, `parking_lot` in a
//! newtype on a host. The lock is taken for a closure, since a guard over a critical section is unsound when
//! guards are dropped out of order.
//!
//! A key's `Eq` that calls the map it is in comes back to the lock while it holds it, and must be refused:
//! `try_with_lock` returns `None`, `with_lock` panics or waits for ever.

use mutex_traits::{ConstInit, ScopedRawMutex};
use spin::mutex::{SpinMutex, SpinMutexGuard};

#[cfg(any(feature = "alloc", feature = "heapless"))]
mod acquire;
#[cfg(feature = "critical-section")]
mod critical;
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub(crate) use acquire::{Acquire, Never, Try, Wait};
#[cfg(feature = "critical-section")]
pub use critical::CriticalSectionLock;

/// A spinlock: the default lock of the maps.
///
/// Waiting for it makes sense between cores, and between threads that are preempted in turn. **An interrupt handler
/// must not wait for it**: if the handler interrupted the holder, on the same core, the holder never runs again and the
/// handler spins for ever. From a handler, use what never waits: looking up, overwriting and removing keys that are
/// known (promoted; in a `FixedMap`, all), and the `try_` operations. Or use `CriticalSectionLock` (feature
/// `critical-section`), with which a handler may call everything.
///
/// It masks nothing, and it is not reentrant: a key's `Eq` that calls the map it is in hangs.
///
/// ```
/// use twinmap::{SpinLock, SyncMap};
///
/// // It is the default: both are of one type.
/// static A: SyncMap<u8, u8> = SyncMap::new();
/// static B: SyncMap<u8, u8, SpinLock> = SyncMap::with_lock(SpinLock::new());
/// # A.insert(1, 1);
/// # B.insert(1, 1);
/// ```
pub struct SpinLock(SpinMutex<()>);

impl SpinLock {
    /// An unlocked lock, for `TwinMap::with_lock`.
    pub const fn new() -> Self {
        Self(SpinMutex::new(()))
    }

    /// Not inlined: every operation that takes the lock has it, and it is a loop.
    #[inline(never)]
    fn lock(&self) -> SpinMutexGuard<'_, ()> {
        self.0.lock()
    }
}

impl Default for SpinLock {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for SpinLock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SpinLock").field("locked", &self.0.is_locked()).finish()
    }
}

impl ConstInit for SpinLock {
    #[allow(clippy::declare_interior_mutable_const)] // What the trait asks for.
    const INIT: Self = Self::new();
}

// SAFETY: `SpinMutex` is a mutex: closures run one at a time, and its guard unlocks also when one unwinds.
unsafe impl ScopedRawMutex for SpinLock {
    #[inline]
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        let _guard = self.0.try_lock()?;
        Some(f())
    }

    #[inline]
    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        let _guard = self.lock();
        f()
    }

    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}
