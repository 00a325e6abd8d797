//! The models of the races, for `SyncMap`.
#![cfg(all(loom, feature = "alloc"))]

mod models;
mod sequential;

use models::{Hashing, LoomLock, Value};
use twinmap::SyncMap;

pub type Map = SyncMap<u32, Value, LoomLock, Hashing>;

/// Inserts, and returns the number that there was.
pub fn insert(map: &Map, key: u32, value: Value) -> Option<u32> {
    map.insert(key, value).map(|old| old.number)
}

pub fn get_or_insert(map: &Map, key: u32, value: Value) -> u32 {
    map.get_or_insert(key, value).number
}

pub fn update(map: &Map, key: u32, f: impl FnMut(&Value) -> Value) -> Option<u32> {
    map.update(&key, f).map(|new| new.number)
}

/// How many to explore where a model asks for `wanted`.
pub fn preemptions(wanted: usize) -> usize {
    wanted
}
