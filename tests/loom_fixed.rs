//! The models of the races, for `FixedMap`, whose pool of cells is lock-free.
#![cfg(all(loom, feature = "heapless"))]

mod models;

use loom::thread::yield_now;
use models::{Hashing, LoomLock, Value};
use twinmap::{ErrorKind, FixedMap, InsertError};

/// No larger than the models need: a table is copied slot by slot.
pub type Map = FixedMap<u32, Value, 4, LoomLock, 2, Hashing>;

/// Inserts, and returns the number that there was. While somebody else is pinned there may be no room: then again.
pub fn insert(map: &Map, key: u32, mut value: Value) -> Option<u32> {
    loop {
        match map.insert(key, value) {
            Ok(old) => return old.map(|old| old.number),
            Err(InsertError { value: back, kind, .. }) => {
                assert_eq!(kind, ErrorKind::Busy);
                value = back;
                yield_now();
            }
        }
    }
}

pub fn update(map: &Map, key: u32, mut f: impl FnMut(&Value) -> Value) {
    while let Err(kind) = map.update(&key, &mut f).map(|new| assert!(new.is_some(), "the key is there")) {
        assert_eq!(kind, ErrorKind::Busy);
        yield_now();
    }
}

/// How many to explore where a model asks for `wanted`: there are more steps, for a cell is taken and given back by several
/// accesses, and who finds no room tries again.
pub fn preemptions(wanted: usize) -> usize {
    (wanted - 1).min(2)
}
