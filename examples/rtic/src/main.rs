//! RTIC 2: tasks of three priorities share a map without `lock`, as the resource `&readings`.
//!
//! `sample` (priority 3) interrupts `receive` (2), and both interrupt `idle`, each amid what the other does.
//! They count readings, some of the same sensors; `idle` walks through the map and checks that none is missing.
//!
//! What it costs: counting for a known sensor takes no lock, and raises no priority ceiling. A new one masks interrupts
//! for short steps, in handlers too: hence `CriticalSectionLock`. If handlers replace more values during a walk than
//! the map has spares, they get `Busy`, which takes longer than success: leave it for the next time.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap};

/// Up to 8 sensors, and 4 spares, the default: during a walk each task replaces one value, and may be amid another.
type Readings = FixedMap<u8, u32, 8, CriticalSectionLock>;

/// Counts a reading, if there is memory for it, whoever else does so in the meantime.
fn count(readings: &Readings, sensor: u8) -> Result<(), ErrorKind> {
    readings.update_or_insert(sensor, |count| count + 1, 1)?;
    Ok(())
}

#[rtic::app(device = lm3s6965)]
mod app {
    use super::*;
    use cortex_m::peripheral::syst::SystClkSource;
    use semihosting::{println, process};
    #[shared]
    struct Shared {
        readings: Readings,
        counted: AtomicU32,
    }
    #[local]
    struct Local {}

    #[init]
    fn init(cx: init::Context) -> (Shared, Local) {
        let mut tick = cx.core.SYST;
        tick.set_clock_source(SystClkSource::Core);
        tick.set_reload(12_500 - 1); // A millisecond.
        tick.clear_current();
        tick.enable_interrupt();
        tick.enable_counter();
        (Shared { readings: Readings::with_lock(CriticalSectionLock::new()), counted: AtomicU32::new(0) }, Local {})
    }

    #[idle(shared = [&readings, &counted])]
    fn idle(cx: idle::Context) -> ! {
        loop {
            let before = cx.shared.counted.load(Relaxed);
            let pinned = cx.shared.readings.pin();
            rtic::pend(lm3s6965::Interrupt::UART0); // Calls `receive`, now that the map is pinned.
            let total: u32 = pinned.values().sum();
            let after = cx.shared.counted.load(Relaxed);
            assert!((before..=after).contains(&total), "{total} readings instead of {before} to {after}");
            if before >= 2_000 && total == after {
                println!("rtic: ok: all {total} readings of {} sensors were counted", pinned.len());
                process::exit(0)
            }
        }
    }

    /// Sensors 0 to 3.
    #[task(binds = SysTick, priority = 3, shared = [&readings, &counted])]
    fn sample(cx: sample::Context) {
        let sensor = cx.shared.counted.load(Relaxed) as u8 % 4;
        cx.shared.counted.fetch_add(count(cx.shared.readings, sensor).is_ok().into(), Relaxed);
    }

    /// Sensors 2 to 5.
    #[task(binds = UART0, priority = 2, shared = [&readings, &counted])]
    fn receive(cx: receive::Context) {
        let sensor = 2 + cx.shared.counted.load(Relaxed) as u8 % 4;
        cx.shared.counted.fetch_add(count(cx.shared.readings, sensor).is_ok().into(), Relaxed);
    }
}
