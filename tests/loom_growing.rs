//! The models of the races, for `SyncMap`.
#![cfg(all(loom, feature = "alloc"))]

mod models;

use models::{Hashing, LoomLock, Value};
use twinmap::SyncMap;

pub type Map = SyncMap<u32, Value, LoomLock, Hashing>;

/// Inserts, and returns the number that there was.
pub fn insert(map: &Map, key: u32, value: Value) -> Option<u32> {
    map.insert(key, value).map(|old| old.number)
}

pub fn update(map: &Map, key: u32, f: impl FnMut(&Value) -> Value) {
    map.update(&key, f).expect("the key is there");
}

/// How many to explore where a model asks for `wanted`.
pub fn preemptions(wanted: usize) -> usize {
    wanted
}
