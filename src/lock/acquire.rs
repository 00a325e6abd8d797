//! How the algorithm takes a lock: it waits, or it does not.

use mutex_traits::ScopedRawMutex;

use crate::error::{ErrorKind, WouldBlock};

/// How an operation takes the lock.
pub(crate) trait Acquire {
    type Error: Into<ErrorKind>;

    fn lock<L: ScopedRawMutex, R>(lock: &L, f: impl FnOnce() -> R) -> Result<R, Self::Error>;
}

/// Waits until the lock is free.
pub(crate) enum Wait {}
/// Gives up when the lock is held.
pub(crate) enum Try {}
/// The error of what cannot fail.
pub(crate) enum Never {}

impl Never {
    /// The result of what cannot fail.
    #[inline(always)]
    pub(crate) fn unwrap<T>(result: Result<T, Never>) -> T {
        match result {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

impl From<Never> for ErrorKind {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl Acquire for Wait {
    type Error = Never;

    #[inline]
    fn lock<L: ScopedRawMutex, R>(lock: &L, f: impl FnOnce() -> R) -> Result<R, Never> {
        Ok(lock.with_lock(f))
    }
}

impl Acquire for Try {
    type Error = WouldBlock;

    #[inline]
    fn lock<L: ScopedRawMutex, R>(lock: &L, f: impl FnOnce() -> R) -> Result<R, WouldBlock> {
        lock.try_with_lock(f).ok_or(WouldBlock)
    }
}
