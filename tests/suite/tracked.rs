//! Keys and values that are counted, and that notice when they are used after their end.

use std::boxed::Box;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// How many were made and dropped. Each test has its own, in a `static`.
pub struct Census {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

impl Census {
    pub const fn new() -> Self {
        Self { made: AtomicUsize::new(0), dropped: AtomicUsize::new(0) }
    }

    pub fn track(&'static self, id: u32) -> Tracked {
        self.made.fetch_add(1, SeqCst);
        Tracked { census: self, id: Box::new(id), alive: ALIVE }
    }

    pub fn dropped(&self) -> usize {
        self.dropped.load(SeqCst)
    }

    pub fn live(&self) -> usize {
        self.made.load(SeqCst).checked_sub(self.dropped()).expect("dropped more than was made")
    }

    /// Everything that was made was dropped once, and something was made.
    #[track_caller]
    pub fn assert_all_dropped(&self) {
        assert_ne!(self.made.load(SeqCst), 0);
        assert_eq!(self.live(), 0, "leaked");
    }
}

const ALIVE: u32 = 0x600D_C0DE;

pub struct Tracked {
    census: &'static Census,
    // Boxed, so that Miri sees a use after free even where the map uses the memory again.
    id: Box<u32>,
    alive: u32,
}

impl Tracked {
    #[track_caller]
    pub fn id(&self) -> u32 {
        assert_eq!(self.alive, ALIVE, "used after its end");
        *self.id
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        assert_eq!(self.alive, ALIVE, "dropped twice");
        self.alive = 0;
        self.census.dropped.fetch_add(1, SeqCst);
    }
}

impl PartialEq for Tracked {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Tracked {}

impl std::hash::Hash for Tracked {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl std::fmt::Debug for Tracked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id().fmt(f)
    }
}
