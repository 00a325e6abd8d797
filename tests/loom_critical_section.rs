//! The models of the races, for `SyncMap` with `CriticalSectionLock`, over critical sections that loom can schedule.
#![cfg(all(loom, feature = "alloc", feature = "critical-section"))]

#[path = "models/growing.rs"]
mod growing;
mod models;
#[path = "models/sections.rs"]
mod sections;
mod sequential;

use growing::{get_or_insert, insert, update, update_or_insert};
use models::{Hashing, Value};
use twinmap::{CriticalSectionLock, SyncMap};

pub type Map = SyncMap<u32, Value, CriticalSectionLock, Hashing>;

/// Whether a key goes to another table first.
pub const GROWS: bool = true;

/// How many preemptions to explore, at least, for a pair of operations.
pub const OF_A_PAIR: usize = 1;

/// How many to explore where a model asks for `wanted`: what is not about the lock is explored by the other files.
pub fn preemptions(wanted: usize) -> usize {
    wanted.min(2)
}
