//! Embassy: a guard held across `.await` on an interrupt executor, while a task in thread mode goes on writing.
//!
//! `send` sends the latest frame straight from the map, without a copy, and sleeps until the line is ready for each
//! byte. Main replaces the frame meanwhile; what is sent is whole all the same. The first guard is taken by main, and
//! moves to the other executor as the task's argument, which has to be `Send` for that: guards are.
//!
//! What it costs: what is replaced or removed while a guard is held, whatever its key, is freed only after that guard is
//! gone, by the next write or `reclaim()`. Until then it is garbage: in a `FixedMap` it takes up the spares, and without
//! them a write is `Busy`; in a `SyncMap` it takes up the heap. So copy what is small, and hold no guard for ever.

#![no_std]
#![no_main]

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use embassy_executor::{InterruptExecutor, Spawner};
use embassy_futures::yield_now;
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use lm3s6965::{Interrupt, interrupt};
use semihosting::{println, process};
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap, Ref};

const SPEED: u32 = 0x244;
const BRAKE: u32 = 0x1A6;
const FRAMES_SENT: u32 = 100;

/// The latest frame of each identifier. `send` preempts main, also in a write: hence `CriticalSectionLock`. Two keys of
/// two are in use, and four spares are left.
static FRAMES: FixedMap<u32, [u8; 16], 2, CriticalSectionLock, 4> = FixedMap::with_lock(CriticalSectionLock::new());

static EXECUTOR: InterruptExecutor = InterruptExecutor::new();
static LINE_READY: Signal<CriticalSectionRawMutex, ()> = Signal::new();
static DONE: Signal<CriticalSectionRawMutex, ()> = Signal::new();

#[interrupt]
fn SSI0() {
    // SAFETY: this is the handler of the interrupt that the executor is started with, and the only caller.
    unsafe { EXECUTOR.on_interrupt() }
}

#[exception]
fn SysTick() {
    LINE_READY.signal(());
}

#[embassy_executor::task]
async fn send(mut frame: Ref<'static, u32, [u8; 16]>) {
    for _ in 0..FRAMES_SENT {
        for byte in frame.iter() {
            LINE_READY.wait().await;
            assert_eq!(*byte, frame[0]); // As main makes them.
        }
        drop(frame);
        LINE_READY.wait().await;
        frame = FRAMES.get(&SPEED).unwrap();
    }
    drop(frame);
    DONE.signal(());
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    FRAMES.insert(SPEED, [0; 16]).unwrap();
    FRAMES.insert(BRAKE, [0; 16]).unwrap();
    let frame = FRAMES.get(&SPEED).unwrap();
    EXECUTOR.start(Interrupt::SSI0).spawn(send(frame).unwrap());

    // `send` holds its guard at least until SysTick runs: what is replaced waits, and then the spares are used up.
    for (key, garbage) in [(SPEED, 1), (SPEED, 2), (BRAKE, 3), (BRAKE, 4)] {
        FRAMES.insert(key, [garbage; 16]).unwrap();
        assert_eq!(FRAMES.garbage().values, garbage.into());
    }
    assert_eq!(FRAMES.insert(BRAKE, [5; 16]).unwrap_err().kind, ErrorKind::Busy);

    let mut tick = cortex_m::Peripherals::take().unwrap().SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(2_500 - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();

    // A task may try again when the map is busy, for `send` goes on meanwhile. A handler that interrupted it must not.
    let mut byte = 0_u8;
    while !DONE.signaled() {
        match FRAMES.insert(SPEED, [byte; 16]) {
            Ok(_) => byte = byte.wrapping_add(1),
            Err(_busy) => yield_now().await,
        }
    }

    // No guard is left: the next write frees what waited.
    FRAMES.insert(SPEED, [0; 16]).unwrap();
    assert!(FRAMES.garbage().is_empty());
    println!("embassy: ok: {FRAMES_SENT} frames sent whole, and no garbage left");
    process::exit(0)
}
