//! What is done with the maps.

mod go;
mod own;

pub use self::own::Growth;
use crate::subjects::{Key, View};

/// What all threads do at the same time with one map.
pub trait Shape: Sync {
    const NAME: &'static str;
    /// Mostly reads: of interest with a pin for many operations, and for maps with one writer.
    const READS: bool = false;
    /// After so many operations another map, an empty one.
    const BATCH: Option<u64> = None;
    /// Leaves the map's keys as they are, so that it's the same one in all samples: criterion takes the time for
    /// preparing one as well for that of operations, when it chooses how many there are to be.
    const STEADY: bool = false;
    /// The map's at the start.
    const CAPACITY: usize = 0;
    type Key: Key;
    /// A thread's own.
    type State: Default;

    /// Before the time starts to count.
    fn prepare(&self, _map: &impl View<Self::Key>) {}

    fn operation(&self, map: &impl View<Self::Key>, at: At, state: &mut Self::State);
}

#[derive(Clone, Copy)]
pub struct At {
    pub thread: u64,
    /// Counts up, from a number that the other threads do not get to.
    pub i: u64,
}

pub trait Visitor {
    fn visit<S: Shape>(&mut self, shape: &S);
}

/// All shapes, in the order of the tables. `benches/go` has the same by the same names.
pub fn visit(visitor: &mut impl Visitor) {
    own::visit(visitor);
    go::visit(visitor);
}

/// The keys below `number`, looked up often enough to be where the map wants to have them.
fn fill(map: &impl View<u64>, number: u64) {
    for key in 0..number {
        map.get_or_insert(key, key);
    }
    for _ in 0..2 {
        for key in 0..number {
            map.get(&key);
        }
    }
}
