//! A CAN frame cache: twinmap where it's meant to be used, between a program and its interrupts.
//!
//! UART0 receives a log of CAN frames ([`candump`]); its interrupt handler ([`uart`]) keeps the latest frame
//! of each identifier ([`cache`]). SysTick, at a higher priority, looks after the identifiers that were
//! subscribed to ([`watch`]). Main, which both interrupt at any instruction, subscribes to what is busiest and
//! prints it ([`report`]). None of them takes a lock around its use of the three maps, and a lookup masks no
//! interrupt (but for a moment on a core without compare-and-swap). [`board`] says what the maps are:
//! `SyncMap` with a heap, `FixedMap` without.
//!
//! Arguments: `bytes=N`, the log's length; `dump`, to print the cache in the end for the host to compare; and
//! `progress`, to print how far the log is at each percent.

#![no_std]
#![no_main]

mod board;
mod cache;
mod candump;
mod marker;
#[cfg(feature = "mutex")]
mod plain;
mod report;
mod uart;
mod watch;

use cortex_m_rt::{ExceptionFrame, entry, exception};
use portable_atomic::Ordering::Relaxed;
use semihosting::{experimental::env, println, process};

use crate::cache::{FRAMES, MAIN, TICK, UART};
use crate::marker::Work;
use crate::report::Alarms;
use crate::uart::{LINES, Receiver};
use crate::watch::{Followed, STATUS, SUBSCRIPTIONS};

/// How many tables are printed while the log plays, the one at its end included.
const TABLES: usize = 4;

#[entry]
fn main() -> ! {
    board::init_memory();
    let (Some(peripherals), Some(receiver)) =
        (cortex_m::Peripherals::take(), cortex_m::singleton!(: Receiver = Receiver::new()))
    else {
        unreachable!("main runs once");
    };
    let Arguments { bytes, dump, progress } = arguments();
    board::start_ticks(peripherals);
    watch::subscribe_standing();
    uart::start(receiver);
    play(bytes, progress);
    marker::log_played();
    uart::finish();
    report::table(100);
    report::standing();
    report::closing(bytes);
    if dump {
        report::dump();
    }
    let ok = is_consistent();
    process::exit(if ok { 0 } else { 1 })
}

/// Works while the log plays. Each round ends with a wait for an interrupt, which there soon is: that leaves the host's
/// processor to the part of QEMU that feeds the UART.
fn play(bytes: usize, progress: bool) {
    let mut followed = Followed::nobody();
    let mut alarms = Alarms::none();
    let (mut printed, mut told) = (0, 0);
    while uart::received() < bytes {
        followed.update();
        alarms.tell();
        uart::resume();
        cortex_m::asm::wfi();
        let percent = (uart::received() as u64 * 100 / bytes as u64) as usize;
        if progress && percent > told {
            told = percent;
            report::progress(percent);
        }
        let table = percent * TABLES / 100;
        if (printed + 1..TABLES).contains(&table) {
            printed = table;
            report::table(100 * printed / TABLES);
        }
    }
}

struct Arguments {
    bytes: usize,
    dump: bool,
    progress: bool,
}

/// Without a length nothing can be done.
fn arguments() -> Arguments {
    let (mut bytes, mut dump, mut progress) = (None, false, false);
    if let Ok(args) = env::args::<256>() {
        for arg in (&args).flatten() {
            dump |= arg == "dump";
            progress |= arg == "progress";
            bytes = arg.strip_prefix("bytes=").and_then(|bytes| bytes.parse().ok()).or(bytes);
        }
    }
    let Some(bytes) = bytes else {
        println!("the log's length is missing: -append \"bytes=N\"");
        process::exit(2)
    };
    Arguments { bytes, dump, progress }
}

/// Checks what must hold whatever the log was, and says what does not.
fn is_consistent() -> bool {
    let frames = LINES.frames.load(Relaxed);
    let refused = LINES.refused.load(Relaxed);
    let (mut identifiers, mut kept) = (0, 0);
    for (_, frame) in FRAMES.pin().iter() {
        MAIN.check(frame);
        identifiers += 1;
        kept += frame.count as usize;
    }
    watch::cancel_all();
    FRAMES.reclaim();
    SUBSCRIPTIONS.reclaim();
    STATUS.reclaim();
    let left = report::garbage();
    let broken: usize = [&MAIN, &UART, &TICK].map(|context| context.broken.load(Relaxed)).iter().sum();
    if refused > 0 {
        println!("CACHE FULL: no memory for {refused} of {frames} frames;");
        println!("{} holds {identifiers} identifiers", board::ROOM);
    }
    let checks = [
        (kept + refused == frames, "the counts of the identifiers do not add up to the frames received"),
        (identifiers == FRAMES.len(), "iteration and len() disagree"),
        (identifiers == UART.new.load(Relaxed), "an identifier was lost, or inserted twice"),
        (broken == 0, "a reader met a torn or freed frame"),
        (SUBSCRIPTIONS.is_empty() && STATUS.is_empty(), "a cancelled subscription is still there"),
        (left.values + left.entries + left.tables == 0, "garbage is left although nobody reads"),
    ];
    for (_, fault) in checks.iter().filter(|(holds, _)| !holds) {
        println!("FAULT: {fault}");
    }
    refused == 0 && checks.iter().all(|(holds, _)| *holds)
}

#[exception]
fn SysTick() {
    if cfg!(feature = "replay") {
        report::note_lateness(board::ticks_late());
    }
    marker::around(Work::SysTick, watch::on_tick);
}

/// Without a device crate every external interrupt comes here; only the UART's is unmasked.
#[exception]
unsafe fn DefaultHandler(_irq: i16) {
    marker::around(Work::Uart, uart::on_interrupt);
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    println!("HardFault {frame:?}");
    process::exit(101)
}
