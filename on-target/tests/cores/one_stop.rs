//! One operation of the second core at every instruction of each of the first's. What both did, and what is in the map
//! afterwards, must be what one after the other would have done.

use std::value::living;
use std::{note, timer};
use twinmap::Garbage;

use crate::orders::{assert_holds_as_many_as_it_should, carry_out, in_state, is_serial, lend, outcomes};
use crate::serial::{Contents, KEYS, Op, perform};
use crate::subject::{SectionFixed, SectionGrowing, SpinFixed, SpinGrowing, Subject};
use crate::turns;

/// What comes before: keys 1 and 2 are known, 3 is recent, 4 was removed and is expunged; or
/// all are known, and 4 was removed.
const STATES: [&[Op]; 2] = [
    &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(4, 44), Op::Promote, Op::Remove(4), Op::Insert(3, 33)],
    &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(3, 33), Op::Insert(4, 44), Op::Promote, Op::Remove(4)],
];

/// What the first core does.
const OPS: [Op; 17] = [
    Op::Get(1),
    Op::Get(3),
    Op::Insert(9, 90),
    Op::Insert(4, 91),
    Op::Insert(1, 92),
    Op::Insert(3, 93),
    Op::GetOrInsert(9, 94),
    Op::Update(1),
    Op::UpdateOrInsert(9, 96),
    Op::CompareExchange(1, 11, 95),
    Op::Remove(1),
    Op::Remove(3),
    Op::RemoveIfOdd(1),
    Op::Iterate,
    Op::Retain,
    Op::Promote,
    Op::Clear,
];

/// What the second core does.
const PARTS: [&[Op]; 12] = [
    &[Op::Get(1), Op::Get(9), Op::Iterate],
    &[Op::Insert(1, 50), Op::Insert(1, 51)],
    &[Op::Insert(3, 52)],
    &[Op::Insert(9, 53)],
    &[Op::GetOrInsert(4, 54)],
    &[Op::Update(1), Op::Update(3)],
    &[Op::CompareExchange(1, 11, 55)],
    &[Op::Remove(1), Op::Insert(5, 56)],
    &[Op::Remove(3)],
    &[Op::Promote],
    &[Op::Retain],
    &[Op::Clear, Op::Insert(1, 57)],
];
/// What it does without waiting for the lock.
const WITHOUT_WAITING: [&[Op]; 4] = [
    &[Op::TryGet(1), Op::TryGet(3), Op::TryGet(9)],
    &[Op::TryInsert(1, 60), Op::TryInsert(1, 61)],
    &[Op::TryInsert(9, 62), Op::TryUpdateOrInsert(3, 63)],
    &[Op::TryRemove(1), Op::TryRemove(3), Op::TryInsert(5, 64)],
];
/// With a spinlock the second core may wait for it: then the first one goes on until its operation has ended. To find
/// out that this is so takes long, and so it comes at one point of as many.
const RARELY: usize = 16;

/// After as many ticks each time, a fixed map is filled, which takes far longer than all the rest.
const FILL: u32 = 16;

/// The part for the `n`th point. There is no time for each at each.
fn part_for<M: Subject>(n: usize) -> (&'static [Op], bool) {
    match n % RARELY {
        _ if M::ANYTHING_IN_HANDLERS => (PARTS[n % PARTS.len()], false),
        0 => (PARTS[n / RARELY % PARTS.len()], true),
        _ => (WITHOUT_WAITING[n % WITHOUT_WAITING.len()], false),
    }
}

/// Performs `op` on a new map in that state, with the other's part coming `ticks` after it
/// begins; whether before its end.
fn at_one_point<M: Subject>(state: &[Op], op: Op, part: &'static [Op], ticks: u32) -> bool {
    let (map, before) = in_state::<M>(state);
    lend(&map, part);
    let (outcome, inside) = turns::stopping(ticks, 1, 0, || perform(&map, op));
    let outcomes = outcomes().expect("the other core has done its part");

    map.reclaim();
    assert_eq!(map.garbage(), Garbage::default(), "{op:?} and {part:?}, {ticks}: nobody is pinned");
    let after = Contents::of(&map);
    let agrees = is_serial(&before, (op, outcome), (part, outcomes), &after);
    assert!(agrees, "{before:?} {op:?}: {outcome:?}, with {part:?}: {outcomes:?} after {ticks}, left {after:?}");
    assert!((0..KEYS as u32).all(|key| map.get(key) == after.number(key)), "lookups and iteration differ");
    assert_eq!((map.len(), living()), (after.len(), after.len()));
    if M::FIXED && ticks % FILL == 1 {
        assert_holds_as_many_as_it_should(&map, &after);
    }
    inside == 1
}

fn at_every_instruction<M: Subject + Sync>() {
    let step = timer::instruction();
    turns::with(
        || {
            for op in OPS {
                let (mut points, mut waiting) = (0, 0);
                for (i, state) in STATES.into_iter().enumerate() {
                    // At a point that comes again in the next state it is another part.
                    for n in 7 * i.. {
                        let (part, may_wait) = part_for::<M>(n);
                        turns::set_may_wait(may_wait);
                        let ticks = 1 + step * (n - 7 * i) as u32;
                        if !at_one_point::<M>(state, op, part, ticks) {
                            break;
                        }
                        points += 1;
                        waiting += u32::from(turns::waited());
                    }
                    assert_eq!(living(), 0);
                }
                note!("{op:?}: at {points} points; at {waiting} of them the other core had to wait");
            }
        },
        carry_out::<M>,
    );
}

#[test]
fn growing_with_a_spinlock() {
    at_every_instruction::<SpinGrowing>();
}

#[test]
fn growing_with_critical_sections() {
    at_every_instruction::<SectionGrowing>();
}

#[test]
fn fixed_with_a_spinlock() {
    at_every_instruction::<SpinFixed>();
}

#[test]
fn fixed_with_critical_sections() {
    at_every_instruction::<SectionFixed>();
}
