//! Random sequences of all operations give what a `BTreeMap` gives, wherever a promotion is forced.

use std::boxed::Box;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::format;
use std::hash::{BuildHasher, Hasher};
use std::ops::{Deref, Range};
use std::string::String;

use twinmap::FxBuildHasher;

use super::sequences::{self, Choices};
use super::{count, times};
use crate::{GROWS, Map};

/// An operation on a key, given by a number, or on the whole map. Operations come through the map or through `Pinned`.
#[derive(Clone, Copy, Debug)]
enum Op {
    Get,
    TryGet,
    GetKeyValue,
    ContainsKey,
    Insert,
    TryInsert,
    GetOrInsert,
    GetOrInsertWith,
    Update,
    UpdateOrInsert,
    TryUpdateOrInsert,
    CompareExchange { stale: bool },
    Remove,
    TryRemove,
    RemoveIf(bool),
    Retain { odd: bool },
    Clear,
    Promote,
    Reclaim,
    Iterate,
    GetMut,
    IterMut,
    Extend,
    Drain,
    IntoIter,
}

type Step = sequences::Step<Op>;

const CHOICES: Choices<Op> = {
    use Op::*;
    &[
        (10, &[Get, TryGet, GetKeyValue, ContainsKey]),
        (20, &[Insert, TryInsert]),
        (8, &[GetOrInsert, GetOrInsertWith]),
        (6, &[Update, UpdateOrInsert, TryUpdateOrInsert]),
        (6, &[CompareExchange { stale: false }, CompareExchange { stale: true }]),
        (15, &[Remove, TryRemove]),
        (4, &[RemoveIf(false), RemoveIf(true)]),
        (1, &[Retain { odd: false }, Retain { odd: true }]),
        (1, &[Clear]),
        (3, &[Promote]),
        (1, &[Reclaim]),
        (2, &[Iterate]),
        (2, &[GetMut, IterMut, Extend]),
        (1, &[Drain, IntoIter]),
    ]
};

/// All hashes are one of two.
#[derive(Default)]
struct TwoHashes;

struct LowestBit(u64);

impl BuildHasher for TwoHashes {
    type Hasher = LowestBit;

    fn build_hasher(&self) -> LowestBit {
        LowestBit(0)
    }
}

impl Hasher for LowestBit {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= bytes.iter().fold(0, |bits, &byte| bits ^ u64::from(byte & 1));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Boxed, so that Miri sees a use after free even where the map uses the memory again.
type Number = Box<u32>;
type Values = BTreeMap<String, Number>;

fn number(value: Option<impl Deref<Target = Number>>) -> Option<u32> {
    value.map(|value| **value)
}

fn name(key: u32) -> String {
    format!("key {key}")
}

/// One step on both; `fresh` is a value that was not there before.
fn step<S: BuildHasher + Default>(map: &mut Map<String, Number, S>, model: &mut Values, step: Step, fresh: u32) {
    let Step { op, key, pinned } = step;
    let key = name(key);
    let (k, new) = (key.as_str(), Box::new(fresh));
    let before = model.get(k).map(|value| **value);
    match op {
        Op::Get if pinned => assert_eq!(number(map.pin().get(k)), before),
        Op::Get => assert_eq!(number(map.get(k)), before),
        Op::TryGet if pinned => assert_eq!(number(map.pin().try_get(k).unwrap()), before),
        Op::TryGet => assert_eq!(number(map.try_get(k).unwrap()), before),
        Op::GetKeyValue => assert_eq!(map.pin().get_key_value(k), model.get_key_value(k)),
        Op::ContainsKey if pinned => assert_eq!(map.pin().contains_key(k), before.is_some()),
        Op::ContainsKey => assert_eq!(map.contains_key(k), before.is_some()),
        Op::Insert | Op::TryInsert => {
            let old = match (op, pinned) {
                (Op::Insert, true) => number(map.pin().insert(key.clone(), new.clone())),
                (Op::Insert, false) => number(map.insert(key.clone(), new.clone())),
                (_, true) => number(map.pin().try_insert(key.clone(), new.clone()).unwrap()),
                (_, false) => number(map.try_insert(key.clone(), new.clone()).unwrap()),
            };
            assert_eq!(old, before);
            model.insert(key, new);
        }
        Op::GetOrInsert | Op::GetOrInsertWith => {
            let called = Cell::new(false);
            let f = || {
                called.set(true);
                new.clone()
            };
            let value = match (op, pinned) {
                (Op::GetOrInsert, true) => **map.pin().get_or_insert(key.clone(), new.clone()),
                (Op::GetOrInsert, false) => **map.get_or_insert(key.clone(), new.clone()),
                (_, true) => **map.pin().get_or_insert_with(key.clone(), f),
                (_, false) => **map.get_or_insert_with(key.clone(), f),
            };
            assert_eq!(called.get(), matches!(op, Op::GetOrInsertWith) && before.is_none());
            assert_eq!(value, **model.entry(key).or_insert(new));
        }
        Op::Update => {
            let f = |value: &Number| Box::new(**value + 1);
            let value = if pinned { number(map.pin().update(k, f)) } else { number(map.update(k, f)) };
            assert_eq!(value, before.map(|value| value + 1));
            model.entry(key).and_modify(|value| **value += 1);
        }
        Op::UpdateOrInsert | Op::TryUpdateOrInsert => {
            let f = |value: &Number| Box::new(**value + 1);
            let value = match (op, pinned) {
                (Op::UpdateOrInsert, true) => **map.pin().update_or_insert(key.clone(), f, new.clone()),
                (Op::UpdateOrInsert, false) => **map.update_or_insert(key.clone(), f, new.clone()),
                (_, true) => **map.pin().try_update_or_insert(key.clone(), f, new.clone()).unwrap(),
                (_, false) => **map.try_update_or_insert(key.clone(), f, new.clone()).unwrap(),
            };
            model.entry(key).and_modify(|value| **value += 1).or_insert(new);
            assert_eq!(value, before.map_or(fresh, |value| value + 1));
        }
        Op::CompareExchange { stale } => {
            let expected = if stale { u32::MAX } else { before.unwrap_or(0) };
            let pin = map.pin();
            match pin.compare_exchange(k, &Box::new(expected), new.clone()) {
                Ok(old) => {
                    assert_eq!(Some(**old), before);
                    assert!(!stale);
                    model.insert(key, new);
                }
                Err(error) => {
                    assert!(stale || before.is_none());
                    assert_eq!((*error.new, number(error.found)), (fresh, before));
                }
            }
        }
        Op::Remove | Op::TryRemove => {
            let old = match (op, pinned) {
                (Op::Remove, true) => number(map.pin().remove(k)),
                (Op::Remove, false) => number(map.remove(k)),
                (_, true) => number(map.pin().try_remove(k).unwrap()),
                (_, false) => number(map.try_remove(k).unwrap()),
            };
            assert_eq!(old, before);
            model.remove(k);
        }
        Op::RemoveIf(yes) => {
            let f = |value: &Number| {
                assert_eq!(Some(**value), before);
                yes
            };
            assert_eq!(number(map.pin().remove_if(k, f)), before.filter(|_| yes));
            model.retain(|other, _| !yes || other != k);
        }
        Op::Retain { odd } => {
            let f = |value: &u32| (value % 2 == 1) == odd;
            map.pin().retain(|_, value| f(value));
            model.retain(|_, value| f(value));
        }
        Op::Clear => {
            if pinned {
                map.pin().clear()
            } else {
                map.clear()
            }
            model.clear();
        }
        Op::Promote => map.promote(),
        Op::Reclaim => map.reclaim(),
        Op::Iterate => return check(map, model),
        Op::GetMut | Op::IterMut | Op::Extend | Op::Drain | Op::IntoIter => {
            return exclusive_step(map, model, op, key, new);
        }
    }
    assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
}

/// The operations that need the map for themselves.
fn exclusive_step<S: BuildHasher + Default>(
    map: &mut Map<String, Number, S>,
    model: &mut Values,
    op: Op,
    key: String,
    new: Number,
) {
    match op {
        Op::GetMut => {
            assert_eq!(
                map.get_mut(key.as_str()).map(|value| std::mem::replace(value, new.clone())),
                model.get(&key).cloned()
            );
            model.entry(key).and_modify(|value| *value = new);
        }
        Op::IterMut => {
            assert_eq!(map.iter_mut().len(), model.len());
            map.iter_mut().for_each(|(_, value)| **value += 1);
            model.values_mut().for_each(|value| **value += 1);
        }
        Op::Extend => {
            let more = [(key, new.clone()), (name(0), new)];
            map.extend(more.clone());
            model.extend(more);
        }
        Op::Drain => {
            assert_eq!(map.drain().len(), model.len());
            // The iterator that was dropped has emptied the map as well.
            assert!(map.is_empty());
            map.extend(model.clone());
            assert_eq!(map.drain().collect::<Values>(), std::mem::take(model));
        }
        _ => {
            let old = std::mem::take(map);
            assert_eq!(old.into_iter().collect::<Values>(), *model);
            *map = model.clone().into_iter().collect();
        }
    }
    assert_eq!(map.len(), model.len());
}

/// All that can be asked. This makes the map promote.
fn check<S: BuildHasher>(map: &Map<String, Number, S>, model: &Values) {
    assert_eq!(map.len(), model.len());
    let pin = map.pin();
    let (mut keys, mut values, mut count) = (0, 0, 0);
    for (key, value) in &pin {
        assert_eq!(model.get(key), Some(value));
        count += 1;
    }
    pin.keys().for_each(|key| keys += usize::from(model.contains_key(key)));
    pin.values().for_each(|value| values += usize::from(model.values().any(|v| v == value)));
    assert_eq!((count, keys, values), (model.len(), model.len(), model.len()));
    assert!(model.iter().all(|(key, value)| map.get(key).as_deref() == Some(value) && map.contains_key(key)));
}

/// How often the promotions of a run are forced.
#[derive(Clone, Copy)]
enum Force {
    Never,
    Before(usize),
    Always,
}

/// Runs a sequence; returns how many promotions the map saw.
fn run<S: BuildHasher + Default>(steps: &[Step], force: Force, check_each: bool) -> usize {
    let (mut map, mut model, mut promotions) = (Map::<_, _, S>::default(), Values::new(), 0);
    for (i, &next) in steps.iter().enumerate() {
        let before = map.promotions();
        if matches!(force, Force::Always) || matches!(force, Force::Before(at) if at == i) {
            map.promote();
        }
        step(&mut map, &mut model, next, i as u32 * 1000);
        if check_each {
            check(&map, &model);
        }
        // (One step puts a new map in place of the old one.)
        promotions += map.promotions().saturating_sub(before);
        // (What was written through `Pinned` waits for the next write: the caller was a reader.)
        map.reclaim();
        assert!(map.garbage().is_empty(), "nobody is pinned");
    }
    check(&map, &model);
    promotions
}

/// Runs `test` on many sequences; it returns how many promotions there were, and where the
/// map grows there have to be some.
fn for_all(cases: usize, keys: u32, len: Range<usize>, test: impl Fn(&[Step]) -> usize) {
    let promotions = Cell::new(0);
    sequences::for_all(cases, CHOICES, keys, len, |steps| promotions.set(promotions.get() + test(steps)));
    assert_eq!(promotions.get() > times(cases, 0), GROWS, "promotions: {}", promotions.get());
}

#[test]
fn random_sequences_agree_with_the_model() {
    for_all(times(400, 3), 6, count(0, 20)..60, |steps| run::<FxBuildHasher>(steps, Force::Never, false));
}

#[test]
fn random_sequences_agree_with_the_model_after_each_step() {
    for_all(times(200, 2), 6, count(0, 20)..40, |steps| run::<FxBuildHasher>(steps, Force::Never, true));
}

/// More keys than one step of the incremental copy takes.
#[test]
fn random_sequences_on_larger_tables_agree_with_the_model() {
    let (keys, shortest) = (count(100, 24) as u32, count(300, 80));
    for_all(times(60, 1), keys, shortest..2 * shortest, |steps| run::<FxBuildHasher>(steps, Force::Never, false));
}

#[test]
fn random_sequences_agree_with_the_model_where_hashes_collide() {
    for_all(times(200, 2), 24, count(0, 20)..count(150, 60), |steps| run::<TwoHashes>(steps, Force::Never, false));
}

#[test]
fn random_sequences_agree_with_the_model_with_a_promotion_forced_at_each_point() {
    for_all(times(150, 2), 5, count(1, 8)..count(24, 12), |steps| {
        let once: usize = (0..steps.len()).map(|at| run::<FxBuildHasher>(steps, Force::Before(at), false)).sum();
        once + run::<FxBuildHasher>(steps, Force::Always, false)
    });
}
