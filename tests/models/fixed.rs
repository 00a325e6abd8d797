//! What the models call, of a map whose size is fixed.

use loom::thread::yield_now;
use twinmap::{ErrorKind, InsertError};

use super::models::Value;
use crate::Map;

/// Runs `f` until it succeeds: while somebody else is pinned there may be no room.
fn patiently<I, R>(mut input: I, mut f: impl FnMut(I) -> Result<R, (I, ErrorKind)>) -> R {
    loop {
        match f(input) {
            Ok(done) => return done,
            Err((back, kind)) => {
                assert_eq!(kind, ErrorKind::Busy);
                input = back;
                yield_now();
            }
        }
    }
}

fn back(InsertError { value, kind, .. }: InsertError<u32, Value>) -> (Value, ErrorKind) {
    (value, kind)
}

/// Inserts, and returns the number that there was.
pub fn insert(map: &Map, key: u32, value: Value) -> Option<u32> {
    patiently(value, |value| map.insert(key, value).map(|old| old.map(|old| old.number)).map_err(back))
}

pub fn get_or_insert(map: &Map, key: u32, value: Value) -> u32 {
    patiently(value, |value| map.get_or_insert(key, value).map(|there| there.number).map_err(back))
}

pub fn update(map: &Map, key: u32, mut f: impl FnMut(&Value) -> Value) -> Option<u32> {
    patiently((), |()| map.update(&key, &mut f).map(|new| new.map(|new| new.number)).map_err(|kind| ((), kind)))
}

pub fn update_or_insert(map: &Map, key: u32, mut f: impl FnMut(&Value) -> Value, value: Value) -> u32 {
    patiently(value, |value| map.update_or_insert(key, &mut f, value).map(|there| there.number).map_err(back))
}
