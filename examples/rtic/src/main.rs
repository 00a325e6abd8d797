//! RTIC 2: tasks of three priorities share a map without `lock`, as the resource `&readings`.
//!
//! `sample` (priority 3) interrupts `receive` (priority 2), and both interrupt `idle`, each in the middle of what the
//! other does to the map. They count readings, some of the same sensors; `idle` walks through the map and checks that
//! none is missing.
//!
//! What it costs: counting for a known sensor takes no lock, and raises no priority ceiling. A new sensor masks interrupts
//! for some short steps; as that happens in handlers, the lock is a `CriticalSectionLock`. If handlers replace more values
//! during a walk than the map has spares, they get `Busy`, which takes longer than success: leave it for the next time.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap};

/// Up to 8 sensors, and 4 spares, the default: during a walk each task replaces one value, and each may be in the middle
/// of it.
type Readings = FixedMap<u8, u32, 8, CriticalSectionLock>;

/// Counts a reading, if there is memory for it, whoever else does so in the meantime.
fn count(readings: &Readings, sensor: u8) -> Result<(), ErrorKind> {
    readings.get_or_insert(sensor, 0).map_err(|rejected| rejected.kind)?;
    readings.update(&sensor, |count| count + 1)?;
    Ok(())
}

/// Reads one of four sensors, and keeps account of it for `idle`.
fn read(readings: &Readings, first_sensor: u8, done: &AtomicU32) {
    let turn = done.load(Relaxed) % 4;
    if count(readings, first_sensor + turn as u8).is_ok() {
        done.fetch_add(1, Relaxed);
    }
}

#[rtic::app(device = lm3s6965)]
mod app {
    use super::*;
    use cortex_m::peripheral::syst::SystClkSource;
    use semihosting::{println, process};

    #[shared]
    struct Shared {
        readings: Readings,
        sampled: AtomicU32,
        received: AtomicU32,
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
        let readings = Readings::with_lock(CriticalSectionLock::new());
        (Shared { readings, sampled: AtomicU32::new(0), received: AtomicU32::new(0) }, Local {})
    }

    #[idle(shared = [&readings, &sampled, &received])]
    fn idle(cx: idle::Context) -> ! {
        let idle::SharedResources { readings, sampled, received, .. } = cx.shared;
        let done = || sampled.load(Relaxed) + received.load(Relaxed);
        loop {
            let before = done();
            let pinned = readings.pin();
            if sampled.load(Relaxed) < 1_000 {
                rtic::pend(lm3s6965::Interrupt::UART0); // Calls `receive`, now that the map is pinned.
            }
            let total: u32 = pinned.iter().map(|(_sensor, count)| count).sum();
            let after = done();
            assert!(before <= total && total <= after, "{total} readings instead of {before} to {after}");
            if sampled.load(Relaxed) >= 1_000 && before == after {
                println!("rtic: ok: all {total} readings of {} sensors were counted", readings.len());
                process::exit(0)
            }
        }
    }

    /// Sensors 0 to 3.
    #[task(binds = SysTick, priority = 3, shared = [&readings, &sampled])]
    fn sample(cx: sample::Context) {
        read(cx.shared.readings, 0, cx.shared.sampled);
    }

    /// Sensors 2 to 5.
    #[task(binds = UART0, priority = 2, shared = [&readings, &received])]
    fn receive(cx: receive::Context) {
        read(cx.shared.readings, 2, cx.shared.received);
    }
}
