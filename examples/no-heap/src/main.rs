//! A Cortex-M0 with 16 KiB of RAM and no heap: a map that may be full, or busy, and says so.
//!
//! The handler stores the signal strength of each neighbour that is heard. Main now and then drops the weakest of those
//! that are known. There are more neighbours than room: one is not stored (`Full`) until main has dropped another. And
//! main looks for the weakest under a pin: what is replaced meanwhile takes the spares, and without spares the handler
//! cannot store (`Busy`). It must not try again at once, for main goes on only when the handler has returned.
//!
//! What it costs: all memory is in the `static`. This core has no compare-and-swap; with the feature
//! `portable-atomic-unsafe-assume-single-core`, each masks interrupts for a few instructions instead.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use semihosting::{println, process};
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap};

/// 8 neighbours, and 2 spares: while main looks for the weakest, two may be heard.
static STRENGTHS: FixedMap<u16, i16, 8, CriticalSectionLock, 2> = FixedMap::with_lock(CriticalSectionLock::new());

/// What became of the packets: the number of new, known, full, busy. The handler alone writes them.
static PACKETS: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

/// The clock of a packet. (QEMU's microbit has a SysTick, and the real one other timers.)
#[exception]
fn SysTick() {
    static mut RANDOM: u32 = 1;
    *RANDOM = RANDOM.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    let (neighbour, strength) = ((*RANDOM >> 16) as u16 % 12, -((*RANDOM >> 24) as i16));
    let outcome = match STRENGTHS.insert(neighbour, strength) {
        Ok(None) => 0,
        Ok(Some(_previous)) => 1,
        Err(rejected) if rejected.kind == ErrorKind::Full => 2,
        Err(_busy) => 3, // It will be heard again.
    };
    PACKETS[outcome].store(PACKETS[outcome].load(Relaxed) + 1, Relaxed);
}

#[entry]
fn main() -> ! {
    let mut tick = cortex_m::Peripherals::take().unwrap().SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(3_000 - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();

    let packets = || PACKETS.each_ref().map(|count| count.load(Relaxed));
    let mut dropped = 0;
    while packets().iter().sum::<u32>() < 5_000 {
        let known = STRENGTHS.pin();
        let weakest = known.iter().min_by_key(|(_neighbour, strength)| **strength);
        let weakest = weakest.map(|(neighbour, _strength)| *neighbour);
        cortex_m::asm::delay(10_000); // Main has other things to do, and unwisely does them under its pin.
        drop(known);
        if STRENGTHS.is_full() {
            dropped += u32::from(weakest.is_some_and(|weakest| STRENGTHS.remove(&weakest).is_some()));
        }
    }
    cortex_m::interrupt::disable();
    let [new, known, full, busy] = packets();
    assert!(new == dropped + STRENGTHS.len() as u32 && known > 0 && full > 0 && busy > 0);

    // Nobody is pinned: a map with room, whatever happened before, is not busy.
    STRENGTHS.clear();
    assert!((0..8).all(|neighbour| STRENGTHS.insert(neighbour, 0).is_ok()));
    println!(
        "no-heap: ok: of {} packets, {full} found it full and {busy} busy; {} bytes",
        new + known + full + busy,
        size_of_val(&STRENGTHS)
    );
    process::exit(0)
}
