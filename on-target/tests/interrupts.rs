//! An interrupt at every instruction of each operation: the timer is set to 1, 2, 3, ... ticks, until the
//! operation ends first. It takes a clock that counts instructions (-icount), each of which lasts a tick at
//! least; then it is also repeatable.
//!
//! What the interrupt does changes from one instruction to the next; with `--thorough`, each comes at each.
//!
//! What both did, and what is in the map afterwards, must be what one after the other would have done. So no value is
//! lost, torn or kept, and every total is exact.
#![no_std]
#![no_main]

#[macro_use]
extern crate on_target as std;

#[path = "interrupts/orders.rs"]
mod orders;
#[path = "interrupts/points.rs"]
mod points;
#[path = "interrupts/serial.rs"]
mod serial;
mod subject;

use core::cell::Cell;

use critical_section::Mutex;
use orders::{Outcomes, assert_holds_as_many_as_it_should, carry_out, in_state, is_serial, lend, lent, outcomes};
use points::Points;
use serial::{Contents, Op, perform};
use std::alloc::System;
use std::value::living;
use std::{harness, timer};
use subject::Subject;
use twinmap::Garbage;

#[global_allocator]
static ALLOCATOR: System = System;

/// What comes before the operation that is interrupted. All keys are new: under the lock.
const RECENT: &[Op] = &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(3, 33)];
/// All are known: without it.
const KNOWN: &[Op] = &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(3, 33), Op::Promote];
/// Key 1 is known, key 3 is new, and key 4 was expunged.
const MIXED: &[Op] =
    &[Op::Insert(1, 11), Op::Insert(2, 22), Op::Insert(4, 44), Op::Promote, Op::Remove(4), Op::Insert(3, 33)];
/// All are known, and the next new key begins a copy of more keys than one step takes.
const MANY: &[Op] = &[
    Op::Insert(1, 11),
    Op::Insert(2, 22),
    Op::Insert(3, 33),
    Op::Insert(11, 11),
    Op::Insert(12, 12),
    Op::Insert(13, 13),
    Op::Insert(14, 14),
    Op::Insert(15, 15),
    Op::Insert(16, 16),
    Op::Promote,
];

/// What interrupts do that may do anything.
const ANYTHING: [&[Op]; 4] = [
    &[Op::Get(1), Op::Get(3), Op::Get(9), Op::Iterate],
    &[Op::Insert(1, 50), Op::Insert(1, 51), Op::Get(1), Op::Update(3)],
    &[Op::Remove(1), Op::Insert(9, 60), Op::Get(9), Op::GetOrInsert(4, 61)],
    &[Op::Promote, Op::Insert(8, 70), Op::Clear, Op::Insert(1, 71)],
];

/// What the others may do.
const WITHOUT_WAITING: [&[Op]; 3] = [
    &[Op::TryGet(1), Op::TryGet(3), Op::TryGet(9)],
    &[Op::TryInsert(1, 50), Op::TryInsert(1, 51), Op::TryGet(1), Op::TryUpdateOrInsert(3, 52)],
    &[Op::TryRemove(1), Op::TryInsert(9, 60), Op::TryGet(9), Op::TryInsert(4, 61)],
];

/// Until the interrupt has come.
fn wait() -> Outcomes {
    loop {
        if let Some(outcomes) = outcomes() {
            return outcomes;
        }
    }
}

/// Performs `op` on a new map in that state, with the interrupt coming `ticks` after it begins;
/// whether it came before its end.
fn at_one_point<M: Subject>(state: &[Op], op: Op, orders: &'static [Op], ticks: u32) -> bool {
    let (map, before) = in_state::<M>(state);
    lend(&map, orders);
    timer::once(ticks, carry_out::<M>);
    let outcome = perform(&map, op);
    let inside = outcomes().is_some();
    let outcomes = wait();

    map.reclaim();
    assert_eq!(map.garbage(), Garbage::default(), "{op:?} and {orders:?}, {ticks}: nobody is pinned");
    let after = Contents::of(&map);
    let agrees = is_serial(&before, (op, outcome), (orders, outcomes), &after);
    assert!(agrees, "{before:?} {op:?}: {outcome:?}, with {orders:?}: {outcomes:?} after {ticks}, left {after:?}");
    assert!((1..10).all(|key| map.get(key) == after.number(key)), "lookups and iteration differ");
    assert_eq!(map.len(), after.len());
    if M::FIXED && ticks.is_multiple_of(11) {
        assert_holds_as_many_as_it_should(&map, &after);
    }
    inside
}

fn at_every_instruction<M: Subject>(op: Op, states: &[&[Op]]) {
    let handlers: &[&[Op]] = if M::ANYTHING_IN_HANDLERS { &ANYTHING } else { &WITHOUT_WAITING };
    let mut points = Points::none();
    let live = (living(), System::live());
    // Each state in each round begins with another handler, and each point has the next one.
    let rounds = if harness::thorough() { handlers.len() } else { 1 };
    for (i, state) in (0..rounds).flat_map(|round| states.iter().enumerate().map(move |(i, state)| (round + i, state)))
    {
        let (mut ticks, mut turns) = (1, handlers.iter().cycle().skip(i));
        while let Some(orders) = turns.next()
            && at_one_point::<M>(state, op, orders, ticks)
        {
            ticks += points.add();
            assert_eq!((living(), System::live()), live, "leaked: {op:?} and {orders:?}, {ticks}");
        }
    }
    points.report();
    // Nothing masks where the core has compare-and-swap, the lock only spins and there is no allocator.
    if M::FIXED && !M::ANYTHING_IN_HANDLERS && cfg!(target_has_atomic = "32") {
        assert_eq!(points.masked(), 0);
    }
}

/// A lookup begins with two loads, and only then counts as a reader: what is collected in between, and again a little
/// later, must not be what it sees. So a second interrupt comes 1, 2, 3, ... ticks after each first one.
fn at_every_two_instructions_of_a_lookup<M: Subject>() {
    const OVERWRITE: &[Op] = &[Op::TryInsert(1, 50), Op::TryInsert(1, 51), Op::TryInsert(1, 52)];
    static AGAIN: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));

    fn first<M: Subject>() {
        let map = lent::<M>();
        // Under a pin, so that readers change phase: the lookup may be about to count in the one from before.
        map.for_each(|_, _| carry_out::<M>());
        // So that what comes later has a grace period of its own.
        map.reclaim();
        lend(map, OVERWRITE);
        let ticks = critical_section::with(|section| AGAIN.borrow(section).get());
        timer::again(ticks, carry_out::<M>);
    }

    let live = (living(), System::live());
    let step = timer::instruction();
    // What is seen after the first one is in use for more instructions than these.
    let next = if harness::thorough() { step } else { 3 * step };
    let (mut first_ticks, mut pairs, mut inside) = (1, 0, true);
    while inside {
        let mut again = 1;
        inside = false;
        loop {
            let map = M::default();
            assert_eq!(map.insert(1, 11), Ok(None));
            map.promote();
            lend(&map, OVERWRITE);
            critical_section::with(|section| AGAIN.borrow(section).set(again));
            timer::once(first_ticks, first::<M>);
            let number = map.get(1);
            let over = outcomes().is_some();
            wait();
            assert!([11, 50, 51, 52].map(Some).contains(&number), "{number:?} at {first_ticks} and {again}");
            map.reclaim();
            assert_eq!(map.garbage(), Garbage::default(), "at {first_ticks} and {again}");
            drop(map);
            assert_eq!((living(), System::live()), live, "leaked, at {first_ticks} and {again}");
            if !over {
                break;
            }
            inside = true;
            pairs += 1;
            again += next;
        }
        first_ticks += step;
    }
    std::note!("interrupted twice, {pairs} times");
    assert!(pairs > 1_000);
}

macro_rules! operations {
    ($map:ty; $($name:ident: $op:expr, in $states:expr;)*) => {
        $(
            #[test]
            fn $name() {
                super::at_every_instruction::<$map>($op, &$states);
            }
        )*
    };
}

macro_rules! interrupted {
    ($($module:ident: $map:ty;)*) => {
        $(
            mod $module {
                use crate::serial::Op;
                use crate::{KNOWN, MANY, MIXED, RECENT};

                operations! { $map;
                    get: Op::Get(1), in [RECENT, KNOWN];
                    get_recent: Op::Get(3), in [MIXED];
                    get_absent: Op::Get(9), in [KNOWN, MIXED];
                    insert: Op::Insert(9, 90), in [RECENT, KNOWN, MIXED, MANY];
                    insert_again: Op::Insert(4, 41), in [MIXED];
                    get_or_insert: Op::GetOrInsert(9, 91), in [KNOWN, MIXED];
                    overwrite: Op::Insert(1, 12), in [RECENT, KNOWN];
                    overwrite_recent: Op::Insert(3, 34), in [MIXED];
                    update: Op::Update(1), in [RECENT, KNOWN];
                    update_or_insert: Op::UpdateOrInsert(1, 14), in [RECENT, KNOWN];
                    update_or_insert_absent: Op::UpdateOrInsert(9, 92), in [KNOWN, MIXED];
                    compare_exchange: Op::CompareExchange(1, 11, 13), in [RECENT, KNOWN];
                    remove: Op::Remove(1), in [RECENT, KNOWN];
                    remove_recent: Op::Remove(3), in [MIXED];
                    remove_if: Op::RemoveIfOdd(1), in [RECENT, KNOWN];
                    iterate: Op::Iterate, in [RECENT, MIXED, MANY];
                    retain: Op::Retain, in [KNOWN, MIXED];
                    clear: Op::Clear, in [MIXED, MANY];
                    promote: Op::Promote, in [RECENT, MIXED];
                }

                #[test]
                fn get_interrupted_twice() {
                    super::at_every_two_instructions_of_a_lookup::<$map>();
                }
            }
        )*
    };
}

interrupted! {
    fixed_map_with_spin_lock: crate::subject::SpinFixed;
    fixed_map_with_critical_section_lock: crate::subject::SectionFixed;
    sync_map_with_spin_lock: crate::subject::SpinGrowing;
    sync_map_with_critical_section_lock: crate::subject::SectionGrowing;
}
