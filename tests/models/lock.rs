//! A lock that loom can schedule.

use loom::sync::Mutex;
use twinmap::ScopedRawMutex;

/// loom's mutex as a map's lock.
pub struct LoomLock(Mutex<()>);

impl Default for LoomLock {
    fn default() -> Self {
        Self(Mutex::new(()))
    }
}

// SAFETY: a mutex, released by its guard.
unsafe impl ScopedRawMutex for LoomLock {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
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
