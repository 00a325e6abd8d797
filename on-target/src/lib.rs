//! What tests need where there is no operating system: a runner, memory, interrupts, cores, and as much of `std` as the
//! host's tests of the same names use. An image of tests begins with
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! #[macro_use] // With it, `#[test]` is this crate's.
//! extern crate on_target as std;
//! ```
#![no_std]

extern crate alloc as alloc_crate;

pub mod cores;
mod critical;
pub mod harness;
mod heap;
pub mod priorities;
pub mod random;
#[cfg(target_arch = "arm")]
pub mod threads;
pub mod timer;
pub mod value;
pub mod workload;

pub use linkme;
pub use on_target_macros::test;
pub use semihosting::println;

// What follows is `std`, as far as it goes.
pub use alloc_crate::{boxed, format, string, vec};
pub use core::{cell, fmt, hash, mem, ops, ptr};

pub mod alloc {
    pub use core::alloc::{GlobalAlloc, Layout};

    pub use crate::heap::System;
}

pub mod collections {
    pub use alloc_crate::collections::BTreeMap;
}

pub mod sync {
    pub use portable_atomic as atomic;
    pub use spin::LazyLock;
}

pub mod thread {
    /// What is declared by [`thread_local!`](crate::thread_local).
    pub struct LocalKey<T>(T);

    // SAFETY: tests that use it have one thread; their interrupts, if any, do not use it.
    unsafe impl<T> Sync for LocalKey<T> {}

    impl<T> LocalKey<T> {
        pub const fn new(value: T) -> Self {
            Self(value)
        }
    }

    /// There is nobody to yield to.
    pub fn yield_now() {}

    impl<T> core::ops::Deref for LocalKey<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}

#[macro_export]
macro_rules! thread_local {
    ($(static $name:ident: $type:ty = const $value:block;)*) => {
        $(static $name: $crate::thread::LocalKey<$type> = $crate::thread::LocalKey::new($value);)*
    };
}
