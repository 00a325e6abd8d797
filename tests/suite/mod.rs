//! Tests of the public API, written once: each map and lock has a file beside this directory that says which `Map` is
//! meant, and includes them.

pub mod alloc;
pub mod keys;
pub mod tracked;

mod concurrent;
mod forget;
mod inconsistent;
mod linearizable;
pub mod memory;
mod model;
mod panics;
mod reentrant;
mod states;

/// A count for a normal run, and for Miri, which is some thousand times slower.
pub fn count(normal: usize, miri: usize) -> usize {
    if cfg!(miri) { miri } else { normal }
}

/// Numbers that look random (xorshift), the same in each run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}
