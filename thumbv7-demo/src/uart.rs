//! UART0's receiver: bytes to lines, lines to frames in the cache. All of it runs in the interrupt handler.
//!
//! The handler owns the receiver while it runs: it takes it out of [`RECEIVER`] and puts it back, so that SysTick may
//! come in between at any time. Interrupts are masked for these two moves only.

use core::cell::Cell;

use critical_section::Mutex;
use portable_atomic::{AtomicUsize, Ordering::Relaxed};
use twinmap::ErrorKind;

use crate::candump::{self, Line, Message};
use crate::{board, cache};

/// The longest line that is read: a CAN FD frame with an interface name of 15 characters has 173 bytes.
const LINE: usize = 200;

/// So many frames are stored between two rounds of main, at most. A line's speed leaves time for main; QEMU feeds what it
/// has, and meanwhile all that is overwritten would wait for the reader in main that is never done.
const BURST: usize = 128;

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

/// Frames since main's latest round.
static BURSTING: AtomicUsize = AtomicUsize::new(0);

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
    /// The latest frame, if it is not stored yet.
    waiting: Option<Message>,
}

impl Receiver {
    pub const fn new() -> Self {
        Self { line: [0; LINE], len: 0, waiting: None }
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
                count(&BURSTING);
                set_clock(message.at_us);
                self.waiting = Some(message);
                self.store();
            }
            Ok(Line::Unsupported) => count(&LINES.unsupported),
            Ok(Line::Blank) => {}
            Err(candump::Malformed) => count(&LINES.malformed),
        }
        self.len = 0;
    }

    /// Stores the frame that waits. It goes on waiting while a reader that this interrupted is in the way.
    fn store(&mut self) {
        let Some(message) = &self.waiting else {
            return;
        };
        match cache::store(message) {
            Ok(()) => {}
            Err(ErrorKind::Busy) => return,
            Err(_) => count(&LINES.refused),
        }
        self.waiting = None;
    }

    /// Whether main has to come first.
    fn pauses(&self) -> bool {
        self.waiting.is_some() || BURSTING.load(Relaxed) >= BURST
    }
}

/// Starts receiving into `receiver`.
pub fn start(receiver: &'static mut Receiver) {
    critical_section::with(|cs| RECEIVER.borrow(cs).set(Some(receiver)));
    board::start_uart();
    board::unmask_uart();
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

/// The interrupt handler's work: drains the FIFO. While main has to come first it leaves the rest to the sender, which
/// has to stop then, and lets main run until it calls [`resume`].
pub fn on_interrupt() {
    cache::MAIN.note_interrupt();
    let Some(receiver) = critical_section::with(|cs| RECEIVER.borrow(cs).take()) else {
        return;
    };
    receiver.store();
    board::acknowledge_uart();
    while !receiver.pauses() {
        let Some(byte) = board::receive() else {
            break;
        };
        receiver.take(byte);
        count(&RECEIVED);
    }
    if receiver.pauses() {
        board::mask_uart();
    }
    critical_section::with(|cs| RECEIVER.borrow(cs).set(Some(receiver)));
}

/// For main, once in each round, when it holds nothing of the cache: a frame that waits can be stored now, or there is no
/// memory for it.
pub fn resume() {
    BURSTING.store(0, Relaxed);
    if board::uart_is_masked() {
        cache::FRAMES.reclaim();
        board::resume_uart();
    }
}

/// Ends reception. A last line without a line feed counts too.
pub fn finish() {
    board::mask_uart();
    if let Some(receiver) = critical_section::with(|cs| RECEIVER.borrow(cs).take()) {
        cache::FRAMES.reclaim();
        receiver.store();
        receiver.end_line();
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Relaxed);
}
