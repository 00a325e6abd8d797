//! The user's code: keys and values that are counted and may panic, and a hasher that the input chooses.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::tracked::{Census, Tracked};

pub static CENSUS: Census = Census::new();

thread_local! {
    /// How many calls of user code are yet to succeed.
    static FUSE: Cell<Option<usize>> = const { Cell::new(None) };
    static HASH_MASK: Cell<u64> = const { Cell::new(0) };
}

/// What user code does first.
pub fn may_panic() {
    match FUSE.get() {
        Some(0) => {
            FUSE.set(None);
            // Unlike `panic!`, it does not call the hook, with which libFuzzer ends the process.
            resume_unwind(Box::new(()));
        }
        fuse => FUSE.set(fuse.map(|left| left - 1)),
    }
}

/// Runs `f` with the call after `calls` others panicking. Whether it came to the end.
pub fn with_fuse(calls: usize, f: impl FnOnce()) -> bool {
    FUSE.set(Some(calls));
    let result = catch_unwind(AssertUnwindSafe(f));
    let panicked = FUSE.take().is_none();
    assert_eq!(result.is_err(), panicked, "a panic was swallowed");
    !panicked
}

/// A key or a value whose every method may panic.
pub struct Item(Tracked);

pub fn item(id: u32) -> Item {
    Item(CENSUS.track(id))
}

impl Item {
    #[track_caller]
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        may_panic();
        self.0 == other.0
    }
}

impl Eq for Item {}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        may_panic();
        state.write_u32(self.id());
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        may_panic();
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        may_panic();
        self.0.fmt(f)
    }
}

/// Hashes of which some bytes are zero: the position in a table, the tag, or all of it may collide.
#[derive(Clone, Copy, Default)]
pub struct Colliding;

/// For all maps from now on, the bytes of a hash whose bits are set.
pub fn set_hash_bytes(bytes: u8) {
    HASH_MASK.set((0..8).filter(|byte| bytes >> byte & 1 == 1).map(|byte| 0xFF << (8 * byte)).sum());
}

pub struct Masked(u64);

impl BuildHasher for Colliding {
    type Hasher = Masked;

    fn build_hasher(&self) -> Masked {
        Masked(0)
    }
}

impl Hasher for Masked {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }

    fn finish(&self) -> u64 {
        (self.0 ^ self.0 >> 32) & HASH_MASK.get()
    }
}
