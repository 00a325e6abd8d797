//! A lock, keys and values that count, beside the allocator that does; each thread for itself.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;

use twinmap::{ScopedRawMutex, SpinLock};

#[allow(dead_code)] // Others let it fail.
#[path = "../suite/alloc.rs"]
mod alloc;

/// What an operation did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Calls of the lock that wait, and that do not.
    pub waits: usize,
    pub tries: usize,
    /// Calls of a key's `Hash` and `Eq`.
    pub probes: usize,
    pub allocations: usize,
    pub frees: usize,
    /// Dropped.
    pub keys: usize,
    pub values: usize,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { waits: 0, tries: 0, probes: 0, allocations: 0, frees: 0, keys: 0, values: 0 }) };
    static BEGUN: Cell<Option<alloc::Usage>> = const { Cell::new(None) };
    /// Another context, which goes on only when this one has returned, has the lock.
    static HELD: Cell<bool> = const { Cell::new(false) };
}

fn count(f: impl FnOnce(&mut Tally)) {
    let mut tally = TALLY.get();
    f(&mut tally);
    TALLY.set(tally);
}

/// From here on the operation is watched.
pub fn begin() {
    TALLY.set(Tally::default());
    BEGUN.set(Some(alloc::usage()));
}

pub fn tally() -> Tally {
    let (begun, now) = (BEGUN.get().expect("nothing has begun"), alloc::usage());
    Tally { allocations: now.allocations - begun.allocations, frees: now.frees - begun.frees, ..TALLY.get() }
}

pub fn held<R>(f: impl FnOnce() -> R) -> R {
    HELD.set(true);
    let result = f();
    HELD.set(false);
    result
}

pub struct Lock(pub SpinLock);

/// What becomes of a call that would wait for ever.
pub struct Hangs;

// SAFETY: it is a `SpinLock`, or refuses.
unsafe impl ScopedRawMutex for Lock {
    fn try_with_lock<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        count(|tally| tally.tries += 1);
        if HELD.get() { None } else { self.0.try_with_lock(f) }
    }

    fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        count(|tally| tally.waits += 1);
        if HELD.get() { resume_unwind(Box::new(Hangs)) } else { self.0.with_lock(f) }
    }

    fn is_locked(&self) -> bool {
        HELD.get() || self.0.is_locked()
    }
}

/// A key, and whether it goes into the map before the operation: else its end is none of the map's doing.
pub struct Key(pub u32, pub bool);

/// As a key. All are equal.
pub struct Value(pub bool);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        count(|tally| tally.probes += 1);
        self.0.hash(state);
    }
}

impl Eq for Key {}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        count(|tally| tally.probes += 1);
        self.0 == other.0
    }
}

impl PartialEq for Value {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        count(|tally| tally.keys += usize::from(self.1));
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        count(|tally| tally.values += usize::from(self.0));
    }
}
