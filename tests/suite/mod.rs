//! Tests of the public API, written once: each map and lock has a file beside this directory that says which `Map` is
//! meant, and includes them. Those of on-target/suite, for cores without an operating system, include them as well:
//! there, `std` is what on-target has under its names.
//!
//! With `--cfg soon_built`, what has threads is built, and little else: all of it takes minutes to optimise, and so do
//! the crates that only the rest depends on.
#![cfg_attr(soon_built, expect(dead_code, reason = "helpers of what is left out"))]

pub mod alloc;
pub mod keys;
pub mod random;
#[cfg(not(soon_built))]
pub mod sequences;
pub mod tracked;

#[cfg(not(soon_built))]
mod forget;
pub mod memory;
#[cfg(not(soon_built))]
mod model;
#[cfg(not(soon_built))]
mod reentrant;
#[cfg(not(soon_built))]
mod states;

// These need threads, or unwinding.
#[cfg(not(target_os = "none"))]
mod concurrent;
#[cfg(not(any(target_os = "none", soon_built)))]
mod inconsistent;
#[cfg(not(any(target_os = "none", soon_built)))]
mod panics;

pub use random::Random;

/// A count for a normal run; and for Miri, which is some thousand times slower, or for a microcontroller's memory.
pub const fn count(normal: usize, few: usize) -> usize {
    if cfg!(any(miri, target_os = "none")) { few } else { normal }
}

/// As `count`, where it is about time only: a board has less of it than the host, but not so much less.
pub const fn times(normal: usize, miri: usize) -> usize {
    if cfg!(target_os = "none") {
        let tenth = normal / 10;
        if tenth > miri { tenth } else { miri }
    } else {
        count(normal, miri)
    }
}
