//! Embassy: a guard held across `.await` on an interrupt executor, while a task in thread mode goes on writing.
//!
//! `send` sends the latest frame straight from the map, without a copy, and sleeps before each byte. Main replaces the
//! frame meanwhile; what is sent is whole all the same. The first guard moves to the other executor: guards are `Send`.
//!
//! What it costs: what is replaced while a guard is held, whatever its key, takes up a spare until the first write
//! after that, and without spares a write is `Busy`; in a `SyncMap` it takes up the heap. So hold no guard for ever.

#![no_std]
#![no_main]

use embassy_executor::{InterruptExecutor, Spawner};
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use lm3s6965::{Interrupt, interrupt};
use semihosting::{println, process};
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap, Ref};

const SPEED: u32 = 0x244;
const BRAKE: u32 = 0x1A6;

/// The latest frame of each identifier. `send` preempts main, also in a write: hence `CriticalSectionLock`.
static FRAMES: FixedMap<u32, [u8; 16], 2, CriticalSectionLock, 4> = FixedMap::with_lock(CriticalSectionLock::new());
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();
static LINE_READY: Signal<CriticalSectionRawMutex, ()> = Signal::new();
static DONE: Signal<CriticalSectionRawMutex, ()> = Signal::new();

#[interrupt]
fn SSI0() {
    // SAFETY: this is the handler of the interrupt that the executor is started with, and the only caller.
    unsafe { EXECUTOR.on_interrupt() }
}

#[cortex_m_rt::exception]
fn SysTick() {
    LINE_READY.signal(());
}

#[embassy_executor::task]
async fn send(mut frame: Ref<'static, u32, [u8; 16]>) {
    for _ in 0..100 {
        for byte in frame.iter() {
            LINE_READY.wait().await;
            assert_eq!(*byte, frame[0]); // As main makes them.
        }
        drop(frame);
        LINE_READY.wait().await;
        frame = FRAMES.get(&SPEED).unwrap();
    }
    DONE.signal(());
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    FRAMES.insert(SPEED, [0; 16]).unwrap();
    FRAMES.insert(BRAKE, [0; 16]).unwrap();
    EXECUTOR.start(Interrupt::SSI0).spawn(send(FRAMES.get(&SPEED).unwrap()).unwrap());

    // `send` holds its guard at least until SysTick runs: what is replaced waits, until the four spares are used up.
    for (key, garbage) in [(SPEED, 1), (SPEED, 2), (BRAKE, 3), (BRAKE, 4)] {
        FRAMES.insert(key, [garbage; 16]).unwrap();
        assert_eq!(FRAMES.garbage().values, garbage.into());
    }
    assert_eq!(FRAMES.insert(BRAKE, [5; 16]).unwrap_err().kind, ErrorKind::Busy);
    let mut tick = cortex_m::Peripherals::take().unwrap().SYST;
    tick.set_clock_source(cortex_m::peripheral::syst::SystClkSource::Core);
    tick.set_reload(2_500 - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();
    // A task may try again when the map is busy, for `send` goes on meanwhile. A handler that interrupted it must not.
    for byte in (0..=u8::MAX).cycle().take_while(|_| !DONE.signaled()) {
        if FRAMES.insert(SPEED, [byte; 16]).is_err() {
            embassy_futures::yield_now().await;
        }
    }
    assert!(FRAMES.insert(SPEED, [0; 16]).is_ok() && FRAMES.garbage().is_empty()); // As no guard is left.
    println!("embassy: ok: 100 frames were sent whole, and no garbage is left");
    process::exit(0)
}
