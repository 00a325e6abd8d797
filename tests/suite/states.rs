//! What each operation does to a key, in each state that the key's entry can be in.

use std::collections::BTreeMap;

use super::count;
use crate::Map;

type Numbers = Map<u32, u32>;

/// The key that is looked at. The others are there to bring about the state.
const KEY: u32 = 0;
/// With so many others, the incremental copy takes several steps.
const MANY: u32 = count(100, 16) as u32;

/// How the key's entry came into its state. After each, the key had the value 1, and was removed if `deleted`.
#[derive(Clone, Copy, Debug)]
enum Place {
    ReadOnly,
    ReadAndDirty,
    /// There is a `dirty`, to which the copy has not come yet for some keys.
    ReadWhileCopying(u32),
    Expunged,
    DirtyOnly,
}

fn in_place(place: Place, deleted: bool) -> (Numbers, u32) {
    let map = Numbers::default();
    let key = if let Place::ReadWhileCopying(key) = place { key } else { KEY };
    let delete = || assert!(!deleted || map.remove(&key).is_some());
    match place {
        Place::ReadOnly => {
            map.insert(key, 1);
            map.promote();
            delete();
        }
        Place::ReadAndDirty => {
            map.insert(key, 1);
            map.promote();
            map.insert(MANY, 0);
            delete();
        }
        Place::ReadWhileCopying(_) => {
            (0..MANY).for_each(|key| drop(map.insert(key, 1)));
            map.promote();
            map.insert(MANY, 0);
            delete();
        }
        Place::Expunged => {
            map.insert(key, 1);
            map.promote();
            map.remove(&key);
            map.insert(MANY, 0);
            // A new entry in `dirty` beside the one that was expunged.
            if !deleted {
                map.insert(key, 1);
            }
        }
        Place::DirtyOnly => {
            map.insert(MANY, 0);
            map.promote();
            map.insert(key, 1);
            delete();
        }
    }
    (map, key)
}

fn places() -> impl Iterator<Item = Place> {
    use Place::*;
    [ReadOnly, Expunged, ReadAndDirty, DirtyOnly]
        .into_iter()
        .chain((0..MANY).step_by(count(7, 16)).map(ReadWhileCopying))
}

/// In each state with the key deleted, or there: applies `f` to the map; then it is like the model, to which `g` was
/// applied, also after promotions.
#[track_caller]
fn in_each_state(deleted: bool, f: impl Fn(&Numbers, u32), g: impl Fn(&mut BTreeMap<u32, u32>, u32)) {
    let states = places().flat_map(|place| [(place, false), (place, true)]);
    // (Miri has time for some.)
    for (place, promote) in states.step_by(if cfg!(miri) { 3 } else { 1 }) {
        let (map, key) = in_place(place, deleted);
        let mut model: BTreeMap<u32, u32> = in_place(place, deleted).0.into_iter().collect();
        assert_eq!(model.contains_key(&key), !deleted);
        if promote {
            map.promote();
        }
        f(&map, key);
        g(&mut model, key);
        for _ in 0..2 {
            let seen = |key: &u32| map.get(key).as_deref() == model.get(key);
            assert!((0..=MANY).all(|key| seen(&key)), "{place:?} {promote}");
            assert_eq!(map.len(), model.len(), "{place:?} {promote}");
            map.promote();
        }
        assert!(map.garbage().is_empty());
        assert_eq!(map.into_iter().collect::<BTreeMap<_, _>>(), model, "{place:?} {promote}");
    }
}

#[test]
fn a_deleted_key_is_absent_in_each_state() {
    let unchanged = |_: &mut BTreeMap<u32, u32>, _| {};
    in_each_state(true, |map, key| assert!(map.get(&key).is_none()), unchanged);
    in_each_state(true, |map, key| assert!(map.try_get(&key).unwrap().is_none()), unchanged);
    in_each_state(true, |map, key| assert!(map.remove(&key).is_none()), unchanged);
    in_each_state(true, |map, key| assert!(map.try_remove(&key).unwrap().is_none()), unchanged);
    in_each_state(true, |map, key| assert!(map.pin().remove_if(&key, |_| panic!("absent")).is_none()), unchanged);
    in_each_state(true, |map, key| assert!(map.update(&key, |_| panic!("absent")).is_none()), unchanged);
    in_each_state(
        true,
        |map, key| {
            let pin = map.pin();
            let error = pin.compare_exchange(&key, &1, 2).unwrap_err();
            assert_eq!((error.new, error.found), (2, None));
        },
        unchanged,
    );
}

#[test]
fn a_deleted_key_can_be_stored_again_in_each_state() {
    let store = |model: &mut BTreeMap<u32, u32>, key| assert!(model.insert(key, 2).is_none());
    in_each_state(true, |map, key| assert!(map.insert(key, 2).is_none()), store);
    in_each_state(true, |map, key| assert!(map.try_insert(key, 2).unwrap().is_none()), store);
    in_each_state(true, |map, key| assert!(map.pin().insert(key, 2).is_none()), store);
    in_each_state(true, |map, key| assert_eq!(*map.get_or_insert(key, 2), 2), store);
    in_each_state(true, |map, key| assert_eq!(*map.get_or_insert_with(key, || 2), 2), store);
    let absent = |_: &u32| panic!("absent");
    in_each_state(true, |map, key| assert_eq!(*map.update_or_insert(key, absent, 2), 2), store);
    in_each_state(true, |map, key| assert_eq!(*map.try_update_or_insert(key, absent, 2).unwrap(), 2), store);
}

#[test]
fn a_key_can_be_stored_removed_and_stored_again_in_each_state() {
    let again = |map: &Numbers, key| {
        for value in 0..20 {
            map.insert(key, value);
            assert_eq!(map.get(&key).as_deref(), Some(&value));
            assert_eq!(map.remove(&key).as_deref(), Some(&value));
            assert!(!map.contains_key(&key));
        }
        map.insert(key, 2);
    };
    let store = |model: &mut BTreeMap<u32, u32>, key| assert_ne!(model.insert(key, 2), Some(2));
    in_each_state(true, again, store);
    in_each_state(false, again, store);
}

#[test]
fn a_key_can_be_overwritten_in_each_state() {
    let store = |model: &mut BTreeMap<u32, u32>, key| assert_eq!(model.insert(key, 2), Some(1));
    in_each_state(false, |map, key| assert_eq!(map.insert(key, 2).as_deref(), Some(&1)), store);
    in_each_state(false, |map, key| assert_eq!(map.try_insert(key, 2).unwrap().as_deref(), Some(&1)), store);
    in_each_state(false, |map, key| assert_eq!(map.update(&key, |old| old + 1).as_deref(), Some(&2)), store);
    in_each_state(false, |map, key| assert_eq!(*map.update_or_insert(key, |old| old + 1, 9), 2), store);
    in_each_state(false, |map, key| assert_eq!(*map.try_update_or_insert(key, |old| old + 1, 9).unwrap(), 2), store);
    in_each_state(false, |map, key| assert_eq!(map.pin().compare_exchange(&key, &1, 2), Ok(&1)), store);
}

#[test]
fn a_key_that_is_there_is_kept_in_each_state() {
    let unchanged = |_: &mut BTreeMap<u32, u32>, _| {};
    in_each_state(false, |map, key| assert_eq!(map.get(&key).as_deref(), Some(&1)), unchanged);
    in_each_state(false, |map, key| assert_eq!(*map.get_or_insert(key, 2), 1), unchanged);
    in_each_state(false, |map, key| assert_eq!(*map.get_or_insert_with(key, || panic!("there")), 1), unchanged);
    in_each_state(false, |map, key| assert!(map.pin().remove_if(&key, |_| false).is_none()), unchanged);
    in_each_state(false, |map, key| assert!(map.pin().compare_exchange(&key, &9, 2).is_err()), unchanged);
}

#[test]
fn a_key_can_be_removed_in_each_state() {
    let remove = |model: &mut BTreeMap<u32, u32>, key| assert_eq!(model.remove(&key), Some(1));
    in_each_state(false, |map, key| assert_eq!(map.remove(&key).as_deref(), Some(&1)), remove);
    in_each_state(false, |map, key| assert_eq!(map.try_remove(&key).unwrap().as_deref(), Some(&1)), remove);
    in_each_state(false, |map, key| assert_eq!(map.pin().remove_if(&key, |&v| v == 1), Some(&1)), remove);
    in_each_state(false, |map, removed| map.pin().retain(|&key, _| key != removed), remove);
    in_each_state(false, |map, _| map.clear(), |model, _| model.clear());
    in_each_state(true, |map, _| map.clear(), |model, _| model.clear());
}
