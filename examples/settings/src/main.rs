//! Settings that outlive a reset: main writes a map to a page of flash, by serde and
//! postcard, and reads it at the start.
//!
//! Meanwhile a handler goes on changing settings. The number of entries comes first in postcard's format:
//! if the handler inserts or removes one while main is writing, that is an error, and main writes again. A
//! page that was not written to the end, or by a version with more settings, is an error too, and the
//! settings are what they are by default.
//!
//! What it costs: writing is an iteration, which takes the lock in short steps before it begins, and none while it
//! lasts. Nothing is allocated: `FixedMap` has its memory inside, and the page is a slice.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use semihosting::{println, process};
use twinmap::{CriticalSectionLock, FixedMap};

type Settings<const N: usize> = FixedMap<u8, i32, N, CriticalSectionLock>;

const PAGE: usize = 64;
const VOLUME: u8 = 1;
const ALARM: u8 = 2;

static SETTINGS: Settings<8> = Settings::with_lock(CriticalSectionLock::new());
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Somebody presses buttons: the volume changes, and an alarm is set or not.
#[exception]
fn SysTick() {
    let tick = TICKS.load(Relaxed) as i32 + 1;
    let done = match tick % 2 {
        0 => SETTINGS.insert(ALARM, tick).is_ok(),
        _ => SETTINGS.remove(&ALARM).is_some() | SETTINGS.insert(VOLUME, tick).is_ok(),
    };
    TICKS.fetch_add(done.into(), Relaxed); // If not: next time.
}

/// Returns how many times it took.
fn write(page: &mut [u8; PAGE]) -> u32 {
    let mut attempts = 1;
    while let Err(error) = postcard::to_slice(&SETTINGS, page) {
        assert!(error == postcard::Error::SerdeSerCustom && attempts < 100, "{error}");
        attempts += 1;
    }
    attempts
}

#[entry]
fn main() -> ! {
    let mut page = [0xFF; PAGE];
    assert!(postcard::from_bytes::<Settings<8>>(&page).is_err(), "an erased page is no map");
    for setting in 0..6 {
        SETTINGS.insert(setting, 0).expect("there is room");
    }
    let mut tick = cortex_m::Peripherals::take().unwrap().SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(9_000 - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();
    let (mut written, mut again) = (0, 0);
    while TICKS.load(Relaxed) < 1_000 {
        again += write(&mut page) - 1;
        written += 1;
        let read: Settings<8> = postcard::from_bytes(&page).expect("it was written to the end");
        assert!(read.len() == 6 - usize::from(!read.contains_key(&ALARM)) && read.get(&5).as_deref() == Some(&0));
    }
    tick.disable_counter();
    tick.disable_interrupt();
    assert!(postcard::from_bytes::<Settings<4>>(&page).is_err(), "four cannot hold more");
    write(&mut page);
    let read: Settings<8> = postcard::from_bytes(&page).unwrap();
    assert!(SETTINGS.pin().iter().all(|(setting, value)| read.get(setting).as_deref() == Some(value)));
    println!("settings: ok: written and read {written} times, and begun again {again} times");
    process::exit(0)
}
