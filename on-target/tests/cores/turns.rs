//! Two cores that take turns: the second does its part where the first one's timer says.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::{cores, timer};

/// How often the second core was given the turn, and how often it has done its part.
static GIVEN: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);
/// All is over.
const END: usize = usize::MAX;

/// The second core waits for a lock that the first one has.
static WAITS: AtomicBool = AtomicBool::new(false);
/// The first core's operation has ended.
static ENDED: AtomicBool = AtomicBool::new(false);

/// How many more stops there are, and how many ticks come before each of them.
static STOPS: AtomicUsize = AtomicUsize::new(0);
static GAP: AtomicU32 = AtomicU32::new(0);

/// No part on such small maps takes a fourth as many instructions. (Who is not waiting after so long would be thought
/// to, and kept from giving back what the first one then waits for.)
const LONG: u32 = 16_000;
/// As long, in ticks.
static LONG_TICKS: AtomicU32 = AtomicU32::new(0);

/// The second core's part may wait for a lock that the first one has when it is stopped.
static MAY_WAIT: AtomicBool = AtomicBool::new(false);

/// To be said before `stopping`; it takes time.
pub fn set_may_wait(may_wait: bool) {
    MAY_WAIT.store(may_wait, Release);
}

/// Calls `first` on the first core, and `part` on the second one whenever it is given the turn.
pub fn with(first: impl Fn() + Sync, part: impl Fn() + Sync) {
    GIVEN.store(0, Release);
    DONE.store(0, Release);
    LONG_TICKS.store(LONG * (timer::instruction() + 1), Release);
    cores::run(&|core| match core {
        0 => {
            first();
            GIVEN.store(END, Release);
        }
        1 => {
            let mut done = 0;
            loop {
                match GIVEN.load(Acquire) {
                    END => break,
                    given if given == done => cores::pass_turn(),
                    _ => {
                        done += 1;
                        if MAY_WAIT.load(Acquire) {
                            timer::again(LONG_TICKS.load(Acquire), waits);
                        }
                        part();
                        if MAY_WAIT.load(Acquire) {
                            timer::stop();
                        }
                        DONE.store(done, Release);
                    }
                }
            }
        }
        _ => {}
    });
}

/// Performs `operation` with the second core's part after so many ticks; and, if there are more `stops`, again, after
/// each `gap`. Also returns how many of them came before the operation's end.
#[inline(always)]
pub fn stopping<R>(ticks: u32, stops: usize, gap: u32, operation: impl FnOnce() -> R) -> (R, usize) {
    WAITS.store(false, Release);
    ENDED.store(false, Release);
    STOPS.store(stops, Release);
    GAP.store(gap, Release);
    timer::again(ticks, stop);
    let result = operation();
    let inside = stops - STOPS.load(Acquire);
    ENDED.store(true, Release);
    // What has not come yet does now.
    while STOPS.load(Acquire) != 0 {}
    while DONE.load(Acquire) != GIVEN.load(Acquire) {
        cores::pass_turn();
    }
    (result, inside)
}

/// Whether the second core had to wait in the latest operation.
pub fn waited() -> bool {
    WAITS.load(Acquire)
}

/// The first core's interrupt.
fn stop() {
    if !WAITS.load(Acquire) {
        let given = GIVEN.fetch_add(1, AcqRel) + 1;
        while DONE.load(Acquire) != given && !WAITS.load(Acquire) {
            cores::pass_turn();
        }
    }
    if STOPS.fetch_sub(1, AcqRel) > 1 {
        timer::again(GAP.load(Acquire), stop);
    }
}

/// The second core's interrupt: what it does takes too long. It can go on when the first core has done what it is at.
fn waits() {
    WAITS.store(true, Release);
    while !ENDED.load(Acquire) {
        cores::pass_turn();
    }
}
