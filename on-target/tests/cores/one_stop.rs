//! One operation of the second core at every instruction of each of the first's. What both did, and what is in the map afterwards,
//! must be what one after the other would have done.

use core::cell::Cell;

use critical_section::Mutex;
use std::value::living;
use std::{note, timer};
use twinmap::{ErrorKind, Garbage};

use crate::serial::{ALL, Contents, KEYS, Op, Outcome, perform};
use crate::subject::{CAPACITY, SectionFixed, SectionGrowing, SpinFixed, SpinGrowing, Subject};
use crate::turns;

/// What comes before: keys 1 and 2 are known, 3 is recent, 4 was removed and is expunged; or all are known, and 4 was removed.
const STATES: [&[Op]; 2] = [
    &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(4, 44), Op::Promote, Op::Remove(4), Op::Insert(3, 33)],
    &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(3, 33), Op::Insert(4, 44), Op::Promote, Op::Remove(4)],
];

/// What the first core does.
const OPS: [Op; 15] = [
    Op::Get(1),
    Op::Get(3),
    Op::Insert(9, 90),
    Op::Insert(4, 91),
    Op::Insert(1, 92),
    Op::Insert(3, 93),
    Op::GetOrInsert(9, 94),
    Op::Update(1),
    Op::CompareExchange(1, 11, 95),
    Op::Remove(1),
    Op::Remove(3),
    Op::Iterate,
    Op::Retain,
    Op::Promote,
    Op::Clear,
];

/// Most operations in a row that the second core performs.
const MOST: usize = 3;

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
    &[Op::TryInsert(9, 62), Op::TryInsert(3, 63)],
    &[Op::TryRemove(1), Op::TryRemove(3), Op::TryInsert(5, 64)],
];
/// With a spinlock the second core may wait for it: then the first one goes on until its operation has ended. To find out that
/// this is so takes long, and so it comes at one point of as many.
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

/// What the second core has to do, to which map, and what came of it.
static PART: Mutex<Cell<&[Op]>> = Mutex::new(Cell::new(&[]));
static MAP: Mutex<Cell<usize>> = Mutex::new(Cell::new(0));
static OUTCOMES: Mutex<Cell<[Outcome; MOST]>> = Mutex::new(Cell::new([Outcome::Done; MOST]));

fn part<M: Subject>() {
    let (map, part) = critical_section::with(|section| (MAP.borrow(section).get(), PART.borrow(section).get()));
    // SAFETY: `at_one_point` has this map until this has been done.
    let map = unsafe { &*(map as *const M) };
    let mut outcomes = [Outcome::Done; MOST];
    part.iter().zip(&mut outcomes).for_each(|(&op, outcome)| *outcome = perform(map, op));
    critical_section::with(|section| OUTCOMES.borrow(section).set(outcomes));
}

/// Performs `op` on a new map in that state, with the other's part coming `ticks` after it begins; whether before its end.
fn at_one_point<M: Subject>(state: &[Op], op: Op, part: &'static [Op], ticks: u32) -> bool {
    let map = M::default();
    let mut before = Contents::default();
    for &op in state {
        let outcome = perform(&map, op);
        assert!(before.replay(op, outcome, ALL));
    }
    critical_section::with(|section| {
        MAP.borrow(section).set((&raw const map).addr());
        PART.borrow(section).set(part);
    });
    let (outcome, inside) = turns::stopping(ticks, 1, 0, || perform(&map, op));
    let outcomes = critical_section::with(|section| OUTCOMES.borrow(section).get());

    map.reclaim();
    assert_eq!(map.garbage(), Garbage::default(), "{op:?} and {part:?}, {ticks}: nobody is pinned");
    let after = Contents::of(&map);
    // The other's part is several operations, between which this one may have come.
    let serial = |mine: usize, keys: u32| {
        let mut contents = before;
        let theirs = part.iter().copied().zip(outcomes);
        { theirs.clone().take(mine) }.all(|(op, outcome)| contents.replay(op, outcome, keys))
            && contents.replay(op, outcome, keys)
            && theirs.skip(mine).all(|(op, outcome)| contents.replay(op, outcome, keys))
            && contents.agrees(&after, keys)
    };
    let any = |keys: u32| (0..=part.len()).any(|mine| serial(mine, keys));
    let agrees = if op.is_atomic() { any(ALL) } else { (0..KEYS).all(|key| any(1 << key)) };
    assert!(agrees, "{before:?} {op:?}: {outcome:?}, with {part:?}: {outcomes:?} after {ticks}, left {after:?}");
    assert!((0..KEYS as u32).all(|key| map.get(key) == after.number(key)), "lookups and iteration differ");
    assert_eq!((map.len(), living()), (after.len(), after.len()));
    if M::FIXED && ticks % FILL == 1 {
        let new = |key: &u32| after.number(*key).is_none();
        for key in (0..KEYS as u32).filter(new).take(CAPACITY - after.len()) {
            assert_eq!(map.insert(key, 1), Ok(None));
        }
        let full = (0..KEYS as u32).filter(|&key| map.insert(key, 2) == Err(ErrorKind::Full)).count();
        assert_eq!(full, KEYS - CAPACITY);
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
        part::<M>,
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
