//! A lock that masks only the interrupts up to a priority, by the register BASEPRI: those above are never held up.
//!
//! Main and the converter's handler, which BASEPRI masks, do anything. SysTick has a higher priority, and comes in the
//! middle of what they do, also while the lock is held: it looks known keys up, overwrites them, and for the rest calls
//! `try_insert`, which never waits.
//!
//! What it costs: what SysTick could not insert, it tries at the next tick. With a `CriticalSectionLock` it could
//! always insert, and would be late by a step under the lock now and then.

#![no_std]
#![no_main]

mod ceiling;

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m::peripheral::{NVIC, syst::SystClkSource};
use cortex_m_rt::{entry, exception};
use lm3s6965::{Interrupt, interrupt};
use semihosting::{println, process};
use twinmap::{ErrorKind, FixedMap};

use ceiling::Ceiling;

static LATEST: FixedMap<u32, u32, 16, Ceiling<0x40>, 8> = FixedMap::with_lock(Ceiling::new());
static TICKS: AtomicU32 = AtomicU32::new(0);
static REFUSED: AtomicU32 = AtomicU32::new(0);

#[interrupt]
fn ADC0_SEQUENCE_0() {
    let _known_or_busy = LATEST.update_or_insert(1, |samples| samples + 1, 1);
}

/// At priority 0, above the ceiling.
#[exception]
fn SysTick() {
    let tick = TICKS.load(Relaxed);
    NVIC::pend(Interrupt::ADC0_SEQUENCE_0);
    match LATEST.try_insert(2 + tick % 14, tick) {
        Ok(_) => TICKS.store(tick + 1, Relaxed),
        Err(rejected) => {
            REFUSED.store(REFUSED.load(Relaxed) + u32::from(rejected.kind == ErrorKind::WouldBlock), Relaxed)
        }
    }
}

#[entry]
fn main() -> ! {
    let mut core = cortex_m::Peripherals::take().unwrap();
    // SAFETY: nothing is interrupted by it yet.
    unsafe {
        core.NVIC.set_priority(Interrupt::ADC0_SEQUENCE_0, 0x80);
        NVIC::unmask(Interrupt::ADC0_SEQUENCE_0);
    }
    core.SYST.set_clock_source(SystClkSource::Core);
    core.SYST.set_reload(2_600 - 1);
    core.SYST.clear_current();
    core.SYST.enable_interrupt();
    core.SYST.enable_counter();
    let mut removed = 0;
    while TICKS.load(Relaxed) < 3_000 {
        removed += u32::from(LATEST.remove(&(2 + TICKS.load(Relaxed) % 14)).is_some());
        assert!(LATEST.pin().iter().all(|(key, value)| *key < 2 || value % 14 == key - 2));
    }
    core.SYST.disable_counter();
    let refused = REFUSED.load(Relaxed);
    assert!(removed > 0 && refused > 0, "SysTick never came while the lock was held");
    println!(
        "basepri: ok: {} ticks, of which {refused} came while the lock was held; {removed} keys removed",
        TICKS.load(Relaxed)
    );
    process::exit(0)
}
