//! Feature `serde`: both maps, to and from a format for humans and one that has the number of entries first. (It has no
//! `unsafe` and no threads: there is nothing in it for those who look for what comes of them.)
#![cfg(all(feature = "alloc", feature = "serde", not(any(loom, shuttle, soon_built, miri))))]

use std::collections::BTreeMap;

use serde_core::ser::{Serialize, Serializer};
use twinmap::{CriticalSectionLock, FixedMap, SyncMap};

type Fixed = FixedMap<u32, String, 4>;

fn entries() -> impl Iterator<Item = (u32, String)> {
    [(1, "one".to_owned()), (20, "twenty".to_owned()), (300, String::new())].into_iter()
}

macro_rules! for_both {
    ($($(#[$attr:meta])* $name:ident<$Map:ident>() $body:block)*) => {$(
        mod $name {
            use super::*;
            type Growing = SyncMap<u32, String, CriticalSectionLock>;
            #[test]
            fn growing() { type $Map = Growing; $body }
            #[test]
            fn fixed() { type $Map = Fixed; $body }
        }
    )*};
}

for_both! {
    there_and_back<Map>() {
        let map: Map = entries().collect();
        let text = serde_json::to_string(&map).unwrap();
        let model: BTreeMap<u32, String> = serde_json::from_str(&text).unwrap();
        assert!(model.into_iter().eq(entries()));
        let again: Map = serde_json::from_str(&text).unwrap();
        let bytes = postcard::to_allocvec(&again).unwrap();
        let again: Map = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again.len(), 3);
        assert!(entries().all(|(key, value)| again.get(&key).as_deref() == Some(&value)));
    }

    an_empty_map<Map>() {
        let map = Map::default();
        assert_eq!(serde_json::to_string(&map).unwrap(), "{}");
        assert_eq!(postcard::to_allocvec(&map).unwrap(), [0]);
        assert!(serde_json::from_str::<Map>("{}").unwrap().is_empty());
    }

    of_a_key_that_comes_twice_the_last_value_stays<Map>() {
        // More often than there are spares, and with the map full.
        let text = r#"{"1":"a","2":"b","3":"c","4":"d","1":"e","1":"f","1":"g","1":"h","1":"i","1":"j"}"#;
        let map: Map = serde_json::from_str(text).unwrap();
        assert_eq!((map.len(), map.get(&1).as_deref().map(String::as_str)), (4, Some("j")));
    }

    what_is_no_map_is_an_error<Map>() {
        let error = serde_json::from_str::<Map>("[1]").unwrap_err().to_string();
        assert!(error.starts_with("invalid type: sequence, expected a map"), "{error}");
    }

    guards_are_what_they_guard<Map>() {
        let map: Map = entries().take(1).collect();
        assert_eq!(serde_json::to_string(&map.pin()).unwrap(), r#"{"1":"one"}"#);
        assert_eq!(serde_json::to_string(&map.get(&1)).unwrap(), r#""one""#);
    }
}

#[test]
fn more_keys_than_a_fixed_map_holds_are_an_error() {
    let five = r#"{"1":"","2":"","3":"","4":"","5":""}"#;
    let error = serde_json::from_str::<Fixed>(five).unwrap_err().to_string();
    assert!(error.starts_with("invalid length 5, expected a map of at most 4 keys"), "{error}");
    let map: SyncMap<u32, String> = serde_json::from_str(five).unwrap();
    let bytes = postcard::to_allocvec(&map).unwrap();
    assert!(postcard::from_bytes::<Fixed>(&bytes).is_err());
}

#[test]
fn a_length_that_is_not_true_takes_no_memory() {
    // Says that 2^32 - 1 entries follow.
    let bytes = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1, 1, b'a'];
    assert!(postcard::from_bytes::<SyncMap<u32, String>>(&bytes).is_err());
}

/// A value that removes all other keys of its map while it is serialized.
struct Alone(&'static FixedMap<u32, Alone, 4>);

impl Serialize for Alone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.pin().retain(|_, value| std::ptr::eq(value, self));
        serializer.serialize_u8(7)
    }
}

#[test]
fn a_key_that_is_removed_meanwhile_is_an_error_only_where_the_number_came_first() {
    static TEXT: FixedMap<u32, Alone, 4> = FixedMap::new();
    static BYTES: FixedMap<u32, Alone, 4> = FixedMap::new();
    for map in [&TEXT, &BYTES] {
        for key in [1, 2] {
            map.insert(key, Alone(map)).unwrap();
        }
    }
    let text = serde_json::to_string(&TEXT).unwrap();
    assert!([r#"{"1":7}"#, r#"{"2":7}"#].contains(&&*text), "{text}");
    assert!(postcard::to_allocvec(&BYTES).is_err());
    // Now there is one, and nothing in between.
    assert_eq!(postcard::to_allocvec(&BYTES).unwrap().len(), 3);
}
