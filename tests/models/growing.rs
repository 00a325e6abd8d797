//! What the models call, of a map that grows.

use super::models::Value;
use crate::Map;

/// Inserts, and returns the number that there was.
pub fn insert(map: &Map, key: u32, value: Value) -> Option<u32> {
    map.insert(key, value).map(|old| old.number)
}

pub fn get_or_insert(map: &Map, key: u32, value: Value) -> u32 {
    map.get_or_insert(key, value).number
}

pub fn update_or_insert(map: &Map, key: u32, f: impl FnMut(&Value) -> Value, value: Value) -> u32 {
    map.update_or_insert(key, f, value).number
}

pub fn update(map: &Map, key: u32, f: impl FnMut(&Value) -> Value) -> Option<u32> {
    map.update(&key, f).map(|new| new.number)
}
