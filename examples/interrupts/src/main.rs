//! Main and two interrupts of different priorities share a map, each in the middle of what the others do to it.
//!
//! The converter's handler stores the latest sample of each of 8 channels. SysTick, at a higher priority, looks one up,
//! and starts the converter. Main walks through all of them, and removes one now and then: a new key for the handler.
//!
//! What it costs: a new key masks interrupts, for short steps, and as a handler inserts some, the lock has to be a
//! `CriticalSectionLock`. What is replaced during a walk stays on the heap until a write after it.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m::peripheral::{NVIC, syst::SystClkSource};
use cortex_m_rt::{entry, exception};
use embedded_alloc::TlsfHeap;
use lm3s6965::{Interrupt, interrupt};
use semihosting::{println, process};
use twinmap::{CriticalSectionLock, SyncMap};

#[global_allocator]
static HEAP: TlsfHeap = TlsfHeap::empty();

/// Of each channel the number of its sample, and that number inverted.
static LATEST: SyncMap<u32, (u32, u32), CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());
static SAMPLES: AtomicU32 = AtomicU32::new(0);
static REPLACED: AtomicU32 = AtomicU32::new(0);
static NESTED: AtomicU32 = AtomicU32::new(0);

#[interrupt]
fn ADC0_SEQUENCE_0() {
    for channel in 0..8 {
        let number = SAMPLES.load(Relaxed) + 1;
        let replaced = LATEST.try_insert(channel, (number, !number)).expect("a larger heap is needed");
        REPLACED.fetch_add(replaced.is_some().into(), Relaxed);
        SAMPLES.store(number, Relaxed);
    }
}

#[exception]
fn SysTick() {
    let samples = SAMPLES.load(Relaxed);
    if let Some(latest) = LATEST.get(&(samples / 8 % 8)) {
        assert!(latest.0 == !latest.1 && (samples + 1).wrapping_sub(latest.0) <= 8);
    }
    match samples % 8 {
        0 => NVIC::pend(Interrupt::ADC0_SEQUENCE_0),
        _ => NESTED.store(NESTED.load(Relaxed) + 1, Relaxed), // The other handler is not done yet.
    }
}

#[entry]
fn main() -> ! {
    let mut core = cortex_m::Peripherals::take().unwrap();
    // SAFETY: main runs once, and nothing was allocated before; critical sections mask interrupts of all priorities.
    unsafe {
        embedded_alloc::init!(HEAP, 16 * 1024);
        core.NVIC.set_priority(Interrupt::ADC0_SEQUENCE_0, 0x80);
        NVIC::unmask(Interrupt::ADC0_SEQUENCE_0);
    }
    core.SYST.set_clock_source(SystClkSource::Core);
    core.SYST.set_reload(2_600 - 1);
    core.SYST.clear_current();
    core.SYST.enable_interrupt();
    core.SYST.enable_counter();
    let mut removed = 0;
    while SAMPLES.load(Relaxed) < 10_000 {
        let present = LATEST.len();
        let whole = LATEST.pin().values().filter(|(number, inverted)| *number == !inverted).count();
        assert!((present..=8).contains(&whole)); // None that was there all the time is left out, and none comes twice.
        removed += u32::from(LATEST.remove(&(SAMPLES.load(Relaxed) / 8 % 8)).is_some());
    }
    cortex_m::interrupt::disable();
    let [samples, replaced, nested] = [&SAMPLES, &REPLACED, &NESTED].map(|count| count.load(Relaxed));
    assert!(nested > 0 && samples == replaced + removed + LATEST.len() as u32);
    println!(
        "interrupts: ok: {samples} samples, {replaced} replaced, {removed} removed; {nested} ticks in their midst"
    );
    process::exit(0)
}
