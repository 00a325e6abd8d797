//! Each allocation of an operation made to fail in turn; and operations without any memory.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use twinmap::{CompareExchangeError, ErrorKind};

use crate::Map;
use crate::suite::alloc::{failing_always, failing_nth, usage};
use crate::suite::count;

type Texts = Map<String, Box<str>>;
type Model = BTreeMap<String, Box<str>>;

fn text(key: u32) -> String {
    format!("key {key}")
}

fn value(key: u32) -> Box<str> {
    format!("value {key}").into()
}

fn insert(map: &Texts, keys: impl IntoIterator<Item = u32>) {
    keys.into_iter().for_each(|key| assert!(map.insert(text(key), value(key)).is_none()));
}

/// More than one step of the incremental copy takes.
fn many() -> u32 {
    count(100, 16) as u32
}

/// Inserts others, so that there is a `dirty`, to which nothing is copied yet; or all is, and it is not promoted.
fn copy(map: &Texts, whole: bool) {
    for key in 200.. {
        insert(map, key..key + 1);
        assert_eq!(map.promotions(), 1);
        let copy = map.stats().copy.expect("a dirty");
        // (On a microcontroller the first section may have copied all of a small table.)
        assert!(whole || copy.done == 0 || cfg!(target_os = "none"));
        if !whole || copy.done == copy.buckets {
            return;
        }
    }
}

/// The copy leaves key 1 out.
fn expunged(map: &Texts) {
    map.remove("key 1");
    copy(map, true);
}

/// What it is, a map in that state, and the key to insert.
type State = (&'static str, fn() -> Texts, u32);

/// Those in which an insertion allocates something else, and each state of a key's entry.
fn states() -> Vec<State> {
    fn with(f: impl FnOnce(&Texts)) -> Texts {
        let map = Texts::default();
        f(&map);
        map
    }
    fn promoted(keys: u32, f: impl FnOnce(&Texts)) -> Texts {
        with(|map| {
            insert(map, 0..keys);
            map.promote();
            f(map);
        })
    }
    vec![
        ("empty", || with(|_| {}), 0),
        ("a key in the table that is written", || with(|map| insert(map, 0..3)), 3),
        ("no such table yet", || promoted(3, |_| {}), 3),
        ("no such table yet, a large map", || promoted(many(), |_| {}), 250),
        ("being copied", || promoted(many(), |map| insert(map, 200..201)), 250),
        ("the key is removed", || promoted(3, |map| drop(map.remove("key 1"))), 1),
        (
            "the key is removed, and not copied",
            || {
                promoted(3, |map| {
                    copy(map, false);
                    map.remove("key 1");
                })
            },
            1,
        ),
        (
            "the key is removed, and copied",
            || {
                promoted(3, |map| {
                    copy(map, true);
                    map.remove("key 1");
                })
            },
            1,
        ),
        ("the key is expunged", || promoted(3, expunged), 1),
        (
            "the key is expunged, and inserted again",
            || {
                promoted(3, |map| {
                    expunged(map);
                    insert(map, 1..2);
                })
            },
            1,
        ),
        ("the key is there", || promoted(3, |_| {}), 1),
        ("the key is there, and not copied", || promoted(3, |map| copy(map, false)), 1),
        ("the key is there, and copied", || promoted(3, |map| copy(map, true)), 1),
        ("the key is there, only under the lock", || with(|map| insert(map, 0..3)), 1),
    ]
}

#[track_caller]
fn assert_holds(map: &Texts, model: &Model, state: &str) {
    assert_eq!(map.len(), model.len(), "{state}");
    assert!(model.iter().all(|(key, value)| map.get(key).as_deref() == Some(value)), "{state}");
    assert_eq!(map.pin().iter().count(), model.len(), "{state}");
}

#[test]
fn key_and_value_are_handed_back_at_each_failure() {
    let start = usage();
    let mut errors = 0;
    for (i, (state, make, key)) in states().into_iter().enumerate() {
        // Through the map or `Pinned`; one allocation fails, or all from it on; and with what is there replaced by
        // another value, or by what is made of it (the empty text, which takes no memory).
        let ways = [(false, false), (true, true), (true, false), (false, true)];
        let ways = ways.iter().flat_map(|&(pinned, one)| [(pinned, one, false), (pinned, one, true)]);
        // (Miri has time for one of the eight in each state.)
        let (first, some) = if cfg!(miri) { (i % 8, 1) } else { (0, count(8, 4)) };
        for (pinned, one, update) in ways.skip(first).take(some) {
            for n in 0.. {
                let map = make();
                let mut model: Model = make().into_iter().collect();
                let (k, v) = (text(key), Box::from("new"));
                let (inserted, failed) = failing_nth(n, one, || match (update, pinned) {
                    (false, true) => map.pin().try_insert(k, v).map(|_| ()),
                    (false, false) => map.try_insert(k, v).map(|_| ()),
                    (true, true) => map.pin().try_update_or_insert(k, |_| Box::default(), v).map(|_| ()),
                    (true, false) => map.try_update_or_insert(k, |_| Box::default(), v).map(|_| ()),
                });
                let updated = inserted.is_ok() && update && model.contains_key(&text(key));
                if let Err(error) = inserted {
                    assert!(failed, "{state}");
                    assert_eq!(error.kind, ErrorKind::OutOfMemory);
                    assert_eq!((error.key, &*error.value), (text(key), "new"));
                    errors += 1;
                    // Unchanged, and it works on.
                    if n % 2 == 0 {
                        assert_holds(&map, &model, state);
                    }
                    assert_eq!(map.try_insert(text(key), "new".into()).unwrap().as_deref(), model.get(&text(key)));
                }
                model.insert(text(key), if updated { "".into() } else { "new".into() });
                assert_holds(&map, &model, state);
                let more = count(100, 2);
                insert(&map, 300..300 + more as u32);
                map.promote();
                assert_eq!(map.len(), model.len() + more);
                // (An operation can also succeed although an allocation failed.)
                if !failed {
                    break;
                }
            }
        }
    }
    assert!(errors > if cfg!(miri) { 10 } else { count(60, 20) }, "{errors}");
    assert_eq!(usage().live_since(start), 0, "leaked");
}

/// Done, with a result; or there was no memory for it.
type Done = Option<bool>;
/// Its name, how it is done to a key with its value in a map, and in the model.
type Operation = (&'static str, fn(&Texts, &str, &Box<str>) -> Done, fn(&mut Model, &str) -> bool);

fn forget(model: &mut Model, key: &str) -> bool {
    model.remove(key).is_some()
}

/// What needs no memory, or does without; and `compare_exchange`. (The new value is the empty text, which takes none.)
const OPERATIONS: &[Operation] = &[
    ("get", |map, key, _| Some(map.get(key).is_some()), |model, key| model.contains_key(key)),
    ("try_get", |map, key, _| Some(map.try_get(key).ok()?.is_some()), |model, key| model.contains_key(key)),
    ("remove", |map, key, _| Some(map.remove(key).is_some()), forget),
    ("try_remove", |map, key, _| Some(map.try_remove(key).ok()?.is_some()), forget),
    ("remove_if", |map, key, _| Some(map.pin().remove_if(key, |_| true).is_some()), forget),
    (
        "retain",
        |map, key, _| {
            map.pin().retain(|other, _| other != key);
            Some(true)
        },
        |model, key| {
            model.remove(key);
            true
        },
    ),
    (
        "clear",
        |map, _, _| {
            map.clear();
            Some(true)
        },
        |model, _| {
            model.clear();
            true
        },
    ),
    (
        "promote",
        |map, _, _| {
            map.promote();
            Some(true)
        },
        |_, _| true,
    ),
    (
        "reclaim",
        |map, _, _| {
            map.reclaim();
            Some(true)
        },
        |_, _| true,
    ),
    ("iter", |map, key, _| Some(map.pin().iter().any(|(k, _)| k == key)), |model, key| model.contains_key(key)),
    (
        "compare_exchange",
        |map, key, value| match map.pin().compare_exchange(key, value, Box::default()) {
            Ok(_) => Some(true),
            Err(CompareExchangeError { new, found, kind: Some(ErrorKind::OutOfMemory) })
                if new.is_empty() && found == Some(value) =>
            {
                None
            }
            Err(_) => Some(false),
        },
        |model, key| model.get_mut(key).map(|value| *value = Box::default()).is_some(),
    ),
];

#[test]
fn what_is_no_insertion_is_done_at_each_failure_or_says_that_there_is_no_memory() {
    let start = usage();
    let (mut refused, mut there) = (0, 0);
    for (i, (state, make, key)) in states().into_iter().enumerate() {
        let (k, v) = (text(key), value(key));
        // Where there is less time, each in some of the states.
        let some = if cfg!(miri) { OPERATIONS.len() } else { count(1, 4) };
        for (name, operation, on_model) in OPERATIONS.iter().skip(i % some).step_by(some) {
            there += usize::from(*name == "compare_exchange" && make().contains_key(&*k));
            for one in [true, false] {
                for n in 0.. {
                    let (map, mut model): (_, Model) = (make(), make().into_iter().collect());
                    let (done, failed) = failing_nth(n, one, || operation(&map, &k, &v));
                    if done.is_none() {
                        assert!(failed && *name == "compare_exchange", "{state}: {name}");
                        refused += 1;
                    } else {
                        assert_eq!(done, Some(on_model(&mut model, &k)), "{state}: {name}");
                    }
                    assert_holds(&map, &model, state);
                    // It works on.
                    assert_eq!(map.try_insert(text(key), value(key)).unwrap().as_deref(), model.get(&k));
                    insert(&map, 300..302);
                    map.promote();
                    assert_eq!(map.len(), model.len() + usize::from(!model.contains_key(&k)) + 2);
                    if !failed {
                        break;
                    }
                }
            }
        }
    }
    // (When one allocation only fails, the second attempt has memory.)
    assert!(there > 0 && refused == there, "{refused} of {there}");
    assert_eq!(usage().live_since(start), 0, "leaked");
}

#[test]
fn a_growing_map_survives_random_failures() {
    let start = usage();
    let (map, mut model, mut errors) = (Map::<u32, u32>::default(), BTreeMap::new(), 0);
    for i in 0..count(3_000, 300) as u32 {
        let (inserted, _) = failing_nth(i as usize % 5, i % 7 == 0, || map.try_insert(i, i).map(|_| ()));
        match inserted {
            Ok(()) => drop(model.insert(i, i)),
            Err(error) => {
                assert_eq!((error.key, error.value, error.kind), (i, i, ErrorKind::OutOfMemory));
                errors += 1;
            }
        }
        if i % 3 == 0 {
            assert_eq!(failing_always(|| map.remove(&(i / 2)).map(|value| *value)), model.remove(&(i / 2)));
        }
        assert_eq!(map.len(), model.len());
    }
    assert!(errors > 50 && model.len() > 50);
    assert_eq!(map.into_iter().collect::<BTreeMap<_, _>>(), model);
    drop(model);
    assert_eq!(usage().live_since(start), 0, "leaked");
}

#[test]
fn all_but_insertions_work_without_memory() {
    let map: Map<u32, u32> = (0..100).map(|key| (key, key)).collect();
    map.promote();
    map.insert(100, 100);
    // Without memory a panic could not even be reported: what there is to see is looked at afterwards.
    let seen = failing_always(|| {
        let hit = map.get(&1).map(|value| *value);
        let found = map.get(&100).map(|value| *value);
        let removed = map.remove(&100).map(|value| *value);
        // This node is free now, and enough to overwrite as often as one likes.
        let overwritten = (0..50).all(|value| map.try_insert(2, value).is_ok_and(|old| old.is_some()));
        let updated = map.update(&2, |value| value + 1).map(|value| *value);
        let sum: u32 = map.pin().values().sum();
        (hit, found, removed, overwritten, updated, sum)
    });
    assert_eq!(seen, (Some(1), Some(100), Some(100), true, Some(50), 4950 - 2 + 50));

    // Much is removed: there is no memory for a smaller table, and that has to wait.
    let (removed, kept, len) = failing_always(|| {
        let removed = (0..80).filter(|key| map.remove(key).is_some()).count();
        map.promote();
        map.pin().retain(|key, _| key % 2 == 0);
        let kept = (80..100).filter(|key| map.contains_key(key)).count();
        let len = map.len();
        map.clear();
        map.reclaim();
        (removed, kept, len)
    });
    assert_eq!((removed, kept, len), (80, 10, 10));
    assert!(map.is_empty() && map.garbage().is_empty());
    assert!(map.try_insert(1, 1).unwrap().is_none());
}
