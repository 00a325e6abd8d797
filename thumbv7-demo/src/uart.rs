//! UART0's receiver: bytes to lines, lines to frames in the cache. All of it runs in the interrupt handler.
//!
//! The handler owns the receiver while it runs: it takes it out of [`RECEIVER`] and puts it back, so that SysTick may
//! come in between at any time. Interrupts are masked for these two moves only.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use cortex_m::peripheral::NVIC;
use critical_section::Mutex;

use crate::board::{Irq, Register};
use crate::cache;
use crate::candump::{self, Line};

pub const IRQ: Irq = Irq(5);

/// The longest line that is read: a CAN FD frame with an interface name of 15 characters has 173 bytes.
const LINE: usize = 200;

// The PL011's registers.
const DATA: Register = Register(0x4000_C000);
const FLAGS: Register = Register(0x4000_C018);
const LINE_CONTROL: Register = Register(0x4000_C02C);
const CONTROL: Register = Register(0x4000_C030);
const INTERRUPT_MASK: Register = Register(0x4000_C038);
const INTERRUPT_CLEAR: Register = Register(0x4000_C044);

const RECEIVE_EMPTY: u32 = 1 << 4;
const RECEIVE_FULL: u32 = 1 << 6;
const EIGHT_BITS_AND_FIFO: u32 = 0b111 << 4;
const ENABLE: u32 = 1 | 1 << 8 | 1 << 9;
const RECEIVE_AND_TIMEOUT: u32 = 1 << 4 | 1 << 6;

/// What became of the log's lines.
pub struct Lines {
    /// Frames, stored or not.
    pub frames: AtomicUsize,
    /// Frames for which there was no memory.
    pub refused: AtomicUsize,
    pub malformed: AtomicUsize,
    /// CAN FD and error frames.
    pub unsupported: AtomicUsize,
}

pub static LINES: Lines = Lines {
    frames: AtomicUsize::new(0),
    refused: AtomicUsize::new(0),
    malformed: AtomicUsize::new(0),
    unsupported: AtomicUsize::new(0),
};

/// Bytes of the log that have come in.
static RECEIVED: AtomicUsize = AtomicUsize::new(0);

static RECEIVER: Mutex<Cell<Option<&'static mut Receiver>>> = Mutex::new(Cell::new(None));

/// The times of the first and the latest frame: the clock that ages are measured by.
static CLOCK: Mutex<Cell<Option<Clock>>> = Mutex::new(Cell::new(None));

#[derive(Clone, Copy)]
struct Clock {
    start_us: u64,
    now_us: u64,
}

/// Collects a line.
pub struct Receiver {
    line: [u8; LINE],
    /// Grows past the buffer for a line that is too long.
    len: usize,
}

impl Receiver {
    pub const fn new() -> Self {
        Self { line: [0; LINE], len: 0 }
    }

    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            return self.end_line();
        }
        if let Some(place) = self.line.get_mut(self.len) {
            *place = byte;
        }
        self.len = self.len.saturating_add(1);
    }

    fn end_line(&mut self) {
        let line = self.line.get(..self.len).ok_or(candump::Malformed);
        match line.and_then(candump::parse) {
            Ok(Line::Frame(message)) => {
                count(&LINES.frames);
                set_clock(message.at_us);
                if !cache::store(&message) {
                    count(&LINES.refused);
                }
            }
            Ok(Line::Unsupported) => count(&LINES.unsupported),
            Ok(Line::Blank) => {}
            Err(candump::Malformed) => count(&LINES.malformed),
        }
        self.len = 0;
    }
}

/// Starts receiving into `receiver`.
///
/// The PL011 forgets the character that it holds when its FIFO is switched on. So the sender begins with one that is
/// not part of the log, and this waits for it; until it's read or forgotten QEMU sends no other.
pub fn start(receiver: &'static mut Receiver) {
    critical_section::with(|cs| RECEIVER.borrow(cs).set(Some(receiver)));
    CONTROL.write(ENABLE);
    while FLAGS.read() & RECEIVE_FULL == 0 {}
    LINE_CONTROL.write(EIGHT_BITS_AND_FIFO);
    INTERRUPT_MASK.write(RECEIVE_AND_TIMEOUT);
    // SAFETY: no critical section relies on this interrupt being masked.
    unsafe { NVIC::unmask(IRQ) };
}

/// How many bytes of the log have come in.
pub fn received() -> usize {
    RECEIVED.load(Relaxed)
}

/// The time of the latest frame.
pub fn now_us() -> u64 {
    clock().map_or(0, |clock| clock.now_us)
}

/// From the first frame to the latest.
pub fn elapsed_us() -> u64 {
    clock().map_or(0, |clock| clock.now_us.saturating_sub(clock.start_us))
}

fn clock() -> Option<Clock> {
    critical_section::with(|cs| CLOCK.borrow(cs).get())
}

fn set_clock(now_us: u64) {
    critical_section::with(|cs| {
        let clock = CLOCK.borrow(cs);
        let start_us = clock.get().map_or(now_us, |clock| clock.start_us);
        clock.set(Some(Clock { start_us, now_us }));
    });
}

/// Drains the FIFO: the interrupt handler's work.
pub fn on_interrupt() {
    cache::MAIN.note_interrupt();
    let Some(receiver) = critical_section::with(|cs| RECEIVER.borrow(cs).take()) else {
        return;
    };
    INTERRUPT_CLEAR.write(RECEIVE_AND_TIMEOUT);
    while FLAGS.read() & RECEIVE_EMPTY == 0 {
        receiver.take(DATA.read() as u8);
        count(&RECEIVED);
    }
    critical_section::with(|cs| RECEIVER.borrow(cs).set(Some(receiver)));
}

/// Ends reception. A last line without a line feed counts too.
pub fn finish() {
    NVIC::mask(IRQ);
    if let Some(receiver) = critical_section::with(|cs| RECEIVER.borrow(cs).take()) {
        receiver.end_line();
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Relaxed);
}
