//! Two cores share a map: each counts packets by sender, and removes counts to report them.
//!
//! The lock is a spinlock, the default. `cortex-m`'s critical section would not do: it masks one core's interrupts, and
//! the other core walks in. But a handler that spins for what it interrupted spins for ever. So where handlers insert
//! too, take `CriticalSectionLock` with an implementation of `critical-section` that masks and spins, as the HALs of
//! chips with two cores have; or have handlers call `try_insert`.
//!
//! What it costs: a known sender takes no lock; for a new one, a core may wait for some short steps of the other's.
//! `Busy` is what the other core is in the middle of: it goes on meanwhile, and so here one may try again at once.

#![no_std]
#![no_main]

mod second_core;

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, Ordering::*};
use cortex_m_rt::entry;
use semihosting::{println, process};
use twinmap::{ErrorKind, FixedMap};

const PACKETS: u32 = 50_000;

static COUNTS: FixedMap<u32, u32, 32> = FixedMap::new();
static REPORTED: AtomicU32 = AtomicU32::new(0);
/// How many cores have begun, and are done.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static DONE: AtomicU32 = AtomicU32::new(0);

fn work(mut random: u32) {
    BEGUN.fetch_add(1, Relaxed);
    while BEGUN.load(Relaxed) < 2 {
        spin_loop();
    }
    for packet in 0..PACKETS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Exact, also if the other core counts or removes the same sender meanwhile.
        while let Err(rejected) = COUNTS.update_or_insert(random >> 27, |count| count + 1, 1) {
            assert!(rejected.kind == ErrorKind::Busy, "there are 32 senders, and room for them: {rejected}");
            spin_loop(); // Until the other core is done.
        }
        if packet % 8 == 0 {
            let reported = COUNTS.remove(&(random >> 22 & 31));
            REPORTED.fetch_add(reported.map_or(0, |count| *count), Relaxed);
        }
    }
    DONE.fetch_add(1, Release);
}

pub extern "C" fn second_core() -> ! {
    work(2);
    loop {
        cortex_m::asm::wfe();
    }
}

#[entry]
fn main() -> ! {
    second_core::start();
    work(1);
    while DONE.load(Acquire) < 2 {
        spin_loop();
    }
    let reported = REPORTED.load(Relaxed);
    let left: u32 = COUNTS.pin().values().sum();
    assert_eq!(reported + left, 2 * PACKETS);
    println!("dual-core: ok: {} packets: {reported} reported, {left} still there", 2 * PACKETS);
    process::exit(0)
}
