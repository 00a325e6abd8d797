//! The one switch between the real atomics and those of loom and shuttle.
//!
//! Everything that threads and interrupts share goes through here, so that a build with `--cfg loom` or `--cfg shuttle`
//! explores the interleavings of exactly the code that runs on a target. portable-atomic brings compare-and-swap to
//! cores without it; no type wider than a pointer is ever used.

#[cfg(loom)]
pub(crate) use self::model::*;
#[cfg(not(loom))]
pub(crate) use self::real::*;
pub(crate) use core::sync::atomic::Ordering;

/// A `const fn`, but not under loom, whose atomics have no const constructor.
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attr])* $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$attr])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// Adds to a word, in one function when compiled for size: a read-modify-write is a loop on most cores. SeqCst.
#[cfg_attr(small, inline(never))]
#[cfg_attr(not(small), inline)]
pub(crate) fn add(word: &AtomicUsize, n: usize) {
    word.fetch_add(n, Ordering::SeqCst);
}

#[cfg(not(loom))]
mod real {
    // (Of 16 bits, loads and stores only, which each core has.)
    #[cfg(all(feature = "heapless", not(shuttle)))]
    pub(crate) use core::sync::atomic::AtomicU16;
    #[cfg(not(shuttle))]
    pub(crate) use portable_atomic::{AtomicPtr, AtomicUsize, fence};
    #[cfg(all(feature = "heapless", shuttle))]
    pub(crate) use shuttle::sync::atomic::AtomicU16;
    #[cfg(shuttle)]
    pub(crate) use shuttle::sync::atomic::{AtomicPtr, AtomicUsize, fence};

    /// A cell whose accesses are exclusive by an argument that stands where it is used; loom checks the argument.
    pub(crate) struct ExclusiveCell<T>(core::cell::UnsafeCell<T>);

    impl<T> ExclusiveCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// Stands in each object that is freed after a grace period. It does nothing here; under loom it makes a read
    /// of the object that races with its freeing an error.
    pub struct Lifetime;

    impl Lifetime {
        pub(crate) const fn new() -> Self {
            Self
        }

        /// The object is being read.
        #[inline(always)]
        pub(crate) fn read(&self) {}

        /// The object is about to be freed.
        #[inline(always)]
        pub(crate) fn end(&self) {}
    }
}

#[cfg(loom)]
mod model {
    #[cfg(feature = "heapless")]
    pub(crate) use loom::sync::atomic::AtomicU16;
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, fence};

    pub(crate) struct ExclusiveCell<T>(loom::cell::UnsafeCell<T>);

    impl<T> ExclusiveCell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::cell::UnsafeCell::new(value))
        }

        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            self.0.with_mut(f)
        }
    }

    pub struct Lifetime(loom::cell::UnsafeCell<()>);

    impl Lifetime {
        pub(crate) fn new() -> Self {
            Self(loom::cell::UnsafeCell::new(()))
        }

        pub(crate) fn read(&self) {
            self.0.with(|_| ());
        }

        pub(crate) fn end(&self) {
            self.0.with_mut(|_| ());
        }
    }
}
