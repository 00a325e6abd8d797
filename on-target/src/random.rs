//! Numbers that look random, made by few instructions.

/// Xorshift. The same in each run.
pub struct Random(u32);

impl Random {
    pub const fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9) | 1)
    }

    pub fn word(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// Less than `end`, which is at most 2^16.
    pub fn below(&mut self, end: u32) -> u32 {
        below(self.word(), end)
    }
}

/// A part of a random number that is less than `end`, which is at most 2^16. Without a
/// division: not every core has one.
pub const fn below(random: u32, end: u32) -> u32 {
    ((random >> 16) * end) >> 16
}
