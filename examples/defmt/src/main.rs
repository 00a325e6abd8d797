//! defmt: what a map, its guards, its errors and its figures look like in the log.
//!
//! A `FixedMap` holds the latest temperature of each sensor. It is logged as a whole while an interrupt handler writes
//! to it; what does not fit in is logged with the reason.
//!
//! What it costs: to log a map takes the time of an iteration, and each key and value some bytes; it never waits for
//! the lock. So log a map now and then, and a value when it matters. Each comment `// log:` is what the line prints.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use defmt_semihosting as _;
use semihosting::process;
use twinmap::{CriticalSectionLock, FixedMap};

static LATEST: FixedMap<&str, i16, 2, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Writes what is there already: the log is the same each time.
#[exception]
fn SysTick() {
    TICKS.store(TICKS.load(Relaxed) + 1, Relaxed);
    if LATEST.insert("motor", 71).is_err() {
        TICKS.store(0, Relaxed); // `Busy`, which four spares exclude.
    }
}

#[defmt::panic_handler]
fn panic() -> ! {
    process::exit(101)
}

#[panic_handler]
fn core_panic(info: &core::panic::PanicInfo) -> ! {
    defmt::error!("{}", defmt::Display2Format(info));
    process::exit(101)
}

#[entry]
fn main() -> ! {
    defmt::println!("{}", LATEST); // log: {}
    defmt::println!("{}", LATEST.insert("motor", 71)); // log: Ok(None)

    let mut tick = cortex_m::Peripherals::take().unwrap().SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(3_000 - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();
    while TICKS.load(Relaxed) < 10 {}

    defmt::println!("{}", LATEST); // log: {motor: 71}
    defmt::println!("{}", LATEST.pin()); // log: {motor: 71}
    defmt::println!("{}", LATEST.get("motor")); // log: Some(71)
    defmt::println!("{}", LATEST.get("fan")); // log: None
    defmt::println!("{}", LATEST.insert("fan", 30)); // log: Ok(None)
    defmt::println!("{}", LATEST.insert("pump", 40)); // log: Err(InsertError { kind: Full })
    tick.disable_counter();
    let ticks = TICKS.load(Relaxed);
    defmt::assert!(ticks >= 10);

    LATEST.remove("fan");
    defmt::println!("{}", LATEST.pin().compare_exchange("motor", &70, 1)); // log: Err(CompareExchangeError { absent: false, kind: None })
    defmt::println!("{}", LATEST.try_get("motor")); // log: Ok(Some(71))
    defmt::println!("{}", LATEST.garbage()); // log: Garbage { values: 0, entries: 0, tables: 0 }
    defmt::println!("defmt: ok: {} bytes, written by {} ticks too", size_of_val(&LATEST), ticks);
    process::exit(0)
}
