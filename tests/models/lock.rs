//! A lock that loom, or shuttle, can schedule.

#[cfg(loom)]
use loom::sync::Mutex;
#[cfg(shuttle)]
use shuttle::sync::Mutex;
use twinmap::ScopedRawMutex;

use std::cell::Cell;

thread_local! {
    /// Nobody has the lock by trying. (loom's threads are all in one.)
    static REFUSES: Cell<bool> = const { Cell::new(false) };
}

/// Does something, and whatever tries the lock meanwhile does not get it.
#[allow(dead_code, reason = "one model, of a FixedMap, has such a state")]
pub fn while_it_is_held(f: impl FnOnce()) {
    REFUSES.set(true);
    f();
    REFUSES.set(false);
}

/// The checker's mutex as a map's lock.
pub struct Lock(Mutex<()>);

impl Default for Lock {
    fn default() -> Self {
        Self(Mutex::new(()))
    }
}

// SAFETY: a mutex, released by its guard.
unsafe impl ScopedRawMutex for Lock {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        if REFUSES.get() {
            return None;
        }
        let _guard = self.0.try_lock().ok()?;
        Some(f())
    }

    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        let _guard = self.0.lock().unwrap();
        f()
    }

    fn is_locked(&self) -> bool {
        self.0.try_lock().is_err()
    }
}
