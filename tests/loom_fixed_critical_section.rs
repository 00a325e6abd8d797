//! The models of the races, for `FixedMap` with `CriticalSectionLock`, over critical sections that loom can schedule.
#![cfg(all(loom, feature = "heapless", feature = "critical-section"))]

#[path = "models/fixed.rs"]
mod fixed;
mod models;
#[path = "models/sections.rs"]
mod sections;
mod sequential;

use fixed::{get_or_insert, insert, update, update_or_insert};
use models::{Hashing, Value};
use twinmap::{CriticalSectionLock, FixedMap};

/// No larger than the models need.
pub type Map = FixedMap<u32, Value, 4, CriticalSectionLock, 2, Hashing>;

/// Whether a key goes to another table first.
pub const GROWS: bool = false;

/// How many preemptions to explore, at least, for a pair of operations.
pub const OF_A_PAIR: usize = 1;

/// How many to explore where a model asks for `wanted`: what is not about the lock is explored by the other files.
pub fn preemptions(wanted: usize) -> usize {
    (wanted - 1).min(2)
}
