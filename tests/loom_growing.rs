//! The models of the races, for `SyncMap`.
#![cfg(all(loom, feature = "alloc"))]

#[path = "models/growing.rs"]
mod growing;
#[path = "models/lock.rs"]
mod lock;
mod models;
mod sequential;

use growing::{get_or_insert, insert, update, update_or_insert};
use lock::Lock;
use models::{Hashing, Value};
use twinmap::SyncMap;

pub type Map = SyncMap<u32, Value, Lock, Hashing>;

/// Whether a key goes to another table first.
pub const GROWS: bool = true;

/// How many to explore where a model asks for `wanted`.
pub fn preemptions(wanted: usize) -> usize {
    wanted
}
