//! Random sequences of operations with more keys than room, and as few spares as there may be, agree with a model that
//! refuses the key beyond the capacity.

use std::boxed::Box;
use std::collections::BTreeMap;

use twinmap::{ErrorKind, FixedMap};

use super::kind;
use crate::Lock;
use crate::suite::sequences::{Choices, Step, for_all};
use crate::suite::{count, times};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Insert,
    GetOrInsert,
    Update,
    Remove,
    Get,
    Iterate,
    Promote,
    Clear,
}

const CHOICES: Choices<Op> = &[
    (12, &[Op::Insert]),
    (3, &[Op::GetOrInsert]),
    (3, &[Op::Update]),
    (9, &[Op::Remove]),
    (6, &[Op::Get]),
    (2, &[Op::Iterate]),
    (1, &[Op::Promote]),
    (1, &[Op::Clear]),
];

type Model = BTreeMap<u32, Box<usize>>;

/// A map, and what it is to hold.
struct Subject<const N: usize, const SPARE: usize> {
    map: FixedMap<u32, Box<usize>, N, Lock, SPARE>,
    model: Model,
}

impl<const N: usize, const SPARE: usize> Subject<N, SPARE> {
    fn perform(&mut self, op: Op, key: u32, new: usize) {
        let (Self { map, model }, new) = (self, Box::new(new));
        let refusal = refusal::<N>(model, key);
        match op {
            Op::Insert | Op::GetOrInsert if refusal.is_some() => {
                assert_eq!(kind(map.insert(key, new.clone())), refusal);
                assert_eq!(kind(map.get_or_insert(key, new.clone())), refusal);
                assert_eq!(kind(map.update_or_insert(key, Box::clone, new)), refusal);
            }
            Op::Insert => assert_eq!(map.insert(key, new.clone()).unwrap().as_deref(), model.insert(key, new).as_ref()),
            Op::GetOrInsert => {
                assert_eq!(*map.get_or_insert(key, new.clone()).unwrap(), *model.entry(key).or_insert(new))
            }
            Op::Update => {
                let updated = map.update(&key, |value| Box::new(**value + 1)).unwrap();
                model.entry(key).and_modify(|value| **value += 1);
                assert_eq!(updated.as_deref(), model.get(&key));
            }
            Op::Remove => assert_eq!(map.remove(&key).as_deref(), model.remove(&key).as_ref()),
            Op::Get => assert_eq!(map.get(&key).as_deref(), model.get(&key)),
            Op::Iterate => {
                assert_eq!(map.pin().iter().map(|(&key, value)| (key, value.clone())).collect::<Model>(), *model)
            }
            Op::Promote => map.promote(),
            Op::Clear => {
                map.clear();
                model.clear();
            }
        }
        assert_eq!((map.len(), map.is_full()), (model.len(), model.len() == N));
    }

    /// Under one guard, which leaves garbage: insertions find no room sooner or later.
    fn perform_pinned(&mut self, steps: &[Step<Op>], new: usize) {
        let Self { map, model } = self;
        let pin = map.pin();
        for &Step { op, key, .. } in steps {
            let (refusal, new) = (refusal::<N>(model, key), Box::new(new));
            match op {
                Op::Insert => match pin.insert(key, new.clone()) {
                    Ok(old) => assert_eq!(old, model.insert(key, new).as_ref()),
                    Err(error) => assert_eq!(error.kind, refusal.unwrap_or(ErrorKind::Busy)),
                },
                Op::Remove => assert_eq!(pin.remove(&key), model.remove(&key).as_ref()),
                _ => assert_eq!(pin.iter().count(), model.len()),
            }
        }
    }
}

/// What an insertion has to report.
fn refusal<const N: usize>(model: &Model, key: u32) -> Option<ErrorKind> {
    (model.len() == N && !model.contains_key(&key)).then_some(ErrorKind::Full)
}

fn under_a_guard(step: &Step<Op>) -> bool {
    step.pinned && matches!(step.op, Op::Insert | Op::Remove | Op::Iterate)
}

fn agrees_with_the_model<const N: usize, const SPARE: usize>(steps: &[Step<Op>]) {
    let mut subject = Subject::<N, SPARE> { map: FixedMap::default(), model: Model::new() };
    let together = steps.chunk_by(|one, next| under_a_guard(one) && under_a_guard(next));
    for (i, steps) in together.enumerate() {
        match steps {
            [step] if !under_a_guard(step) => subject.perform(step.op, step.key, i),
            _ => subject.perform_pinned(steps, i),
        }
    }
    assert_eq!(subject.map.into_iter().collect::<Model>(), subject.model);
}

/// Some faults need many cases: where they are fast, there are.
const CASES: usize = times(if cfg!(debug_assertions) { 125 } else { 8_000 }, 1);

#[test]
fn random_sequences_beyond_the_capacity_agree_with_the_model() {
    for_all(CASES, CHOICES, 8, 1..count(400, 30), |steps| {
        agrees_with_the_model::<1, 1>(steps);
        agrees_with_the_model::<3, 1>(steps);
        agrees_with_the_model::<5, 2>(steps);
    });
}

#[test]
fn random_sequences_beyond_a_larger_capacity_agree_with_the_model() {
    for_all(CASES, CHOICES, 42, 1..count(800, 30), agrees_with_the_model::<20, 1>);
}
