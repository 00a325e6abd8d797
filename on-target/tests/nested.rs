//! `main` and interrupts of all priorities use one map, and preempt each other in the midst of what they do to it. Each
//! counts in variables of its own, and in the end the map must have the sums.
//!
//! It takes a clock that counts instructions (-icount): then interrupts come at any of
//! them, and the same ones in each run.
#![no_std]
#![no_main]

#[macro_use]
extern crate on_target as std;

use core::array;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use std::alloc::System;
use std::harness;
use std::priorities::{self, HIGHEST};
use std::random::{self, Random};
use std::timer::places;
use std::value::living;
use std::workload::{self, CONTEXTS, Context, Hooks, KEYS, Subject};

#[global_allocator]
static ALLOCATOR: System = System;

/// Of all contexts together, in each of the four tests: a million, or half.
fn operations() -> u32 {
    if harness::thorough() { 250_000 } else { 125_000 }
}

/// The context of a priority, which belongs to what runs with that priority.
struct Of(UnsafeCell<Context>);

// SAFETY: a priority does not preempt itself.
unsafe impl Sync for Of {}

static OF: [Of; CONTEXTS] = [const { Of(UnsafeCell::new(Context::new(0, false, HOOKS))) }; CONTEXTS];

/// Whether a priority is in the midst of an operation.
static INSIDE: [AtomicBool; CONTEXTS] = [const { AtomicBool::new(false) }; CONTEXTS];
/// How many times a priority preempted all lower ones in the midst of their operations.
static PREEMPTIONS: [AtomicU32; CONTEXTS] = [const { AtomicU32::new(0) }; CONTEXTS];

const HOOKS: Hooks = Hooks { disturb, linger };

/// Pends another priority now and then. If it is a higher one it comes at once.
fn disturb(random: u32) {
    if random & 7 == 0 {
        priorities::pend(1 + random::below(random, HIGHEST as u32) as usize);
    }
}

fn linger(random: u32) {
    disturb(random);
    for _ in 0..random::below(random, 64) {
        core::hint::spin_loop();
    }
    disturb(random >> 3);
}

/// For counters that no other context writes at the same time.
fn increment(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// The timer's interrupt.
fn next() -> (u32, usize) {
    static RANDOM: AtomicU32 = AtomicU32::new(0);

    places::add();

    let seed = RANDOM.load(Relaxed) + 1;
    RANDOM.store(seed, Relaxed);
    let mut random = Random::new(seed);
    (500 + random.below(32_000), 1 + random.below(HIGHEST as u32) as usize)
}

fn step<S: Subject>(priority: usize) {
    // SAFETY: this is what runs with that priority.
    let context = unsafe { &mut *OF[priority].0.get() };
    INSIDE[priority].store(true, Relaxed);
    context.step::<S>();
    INSIDE[priority].store(false, Relaxed);
}

fn interrupt<S: Subject>(priority: usize) {
    if INSIDE[..priority].iter().all(|inside| inside.load(Relaxed)) {
        increment(&PREEMPTIONS[priority]);
    }
    step::<S>(priority);
    step::<S>(priority);
}

fn test<S: Subject>() {
    for (priority, of) in OF.iter().enumerate() {
        // SAFETY: `main` alone runs.
        unsafe { *of.0.get() = Context::new(priority, priority == 0 || S::MASKS, HOOKS) };
        PREEMPTIONS[priority].store(0, Relaxed);
    }
    places::clear();
    let (before, operations) = (living(), operations());
    workload::set_up::<S>();

    priorities::start(interrupt::<S>, next);
    while workload::done() < operations {
        step::<S>(0);
    }
    priorities::stop();

    // SAFETY: `main` alone runs.
    let contexts = array::from_fn(|priority| unsafe { &*OF[priority].0.get() });
    let tally = workload::check::<S>(&contexts, before);
    let preemptions: [u32; HIGHEST] = array::from_fn(|i| PREEMPTIONS[i + 1].load(Relaxed));
    let points = places::count();
    note!("operations of each priority: {:?}", contexts.map(|context| context.tally.operations));
    note!("preemptions of all below, at each depth: {preemptions:?}; by the timer at {points} instructions");
    note!("{tally:?}");
    assert!(preemptions.iter().all(|&preemptions| preemptions > 0));
    assert!(points > 500, "the timer came at {points} instructions only");
    assert!(tally.operations >= operations && tally.outlived > 0 && tally.overtaken > 0);
    assert_eq!(tally.would_block > 0, !S::MASKS, "operations that would have waited for what they interrupted");
    assert!(tally.busy < tally.operations / 4);
}

std::subject!(GrowingSpin, growing, SpinLock, false);
std::subject!(GrowingSection, growing, CriticalSectionLock, true);
std::subject!(FixedSpin, fixed KEYS, SpinLock, false);
std::subject!(FixedSection, fixed KEYS, CriticalSectionLock, true);

#[test]
fn growing_spin_lock() {
    test::<GrowingSpin>();
}

#[test]
fn growing_critical_section_lock() {
    test::<GrowingSection>();
}

#[test]
fn fixed_spin_lock() {
    test::<FixedSpin>();
}

#[test]
fn fixed_critical_section_lock() {
    test::<FixedSection>();
}
