//! Values that know whether they are whole.

use core::sync::atomic::Ordering::Relaxed;

use portable_atomic::AtomicUsize;

/// A number, the key that it belongs to, and a checksum, which is wrong after the value was dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    key: u32,
    number: u32,
    checksum: u32,
}

static LIVING: AtomicUsize = AtomicUsize::new(0);

/// Values that were made, and not dropped yet.
pub fn living() -> usize {
    LIVING.load(Relaxed)
}

fn checksum(key: u32, number: u32) -> u32 {
    (key ^ number.rotate_left(16)).wrapping_mul(0x9E37_79B9) ^ 0x5A5A_5A5A
}

impl Value {
    pub fn new(key: u32, number: u32) -> Self {
        LIVING.fetch_add(1, Relaxed);
        Self { key, number, checksum: checksum(key, number) }
    }

    /// The number, of a value that was found at `key`.
    #[track_caller]
    pub fn number_of(&self, key: u32) -> u32 {
        // Volatile: the compiler may think that it cannot have changed under a reference.
        // SAFETY: a reference is valid for reads.
        let [of, number, given] =
            [&self.key, &self.number, &self.checksum].map(|word| unsafe { (&raw const *word).read_volatile() });
        assert_eq!((of, given), (key, checksum(key, number)), "the value of key {key} is broken");
        number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.number_of(self.key);
        LIVING.fetch_sub(1, Relaxed);
        // SAFETY: a reference is valid for writes. Volatile: nobody is allowed to see it, so it would be left out.
        unsafe { (&raw mut self.checksum).write_volatile(!self.checksum) };
    }
}
