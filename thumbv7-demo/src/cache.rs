//! The frame cache, and the accounts of who did what to it and to the other maps.
//!
//! One writer: only the UART's handler calls [`store`], so reading a frame and writing its successor needs no lock
//! although two steps. Everyone reads, at any time, without a lock.

use portable_atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use twinmap::{CriticalSectionLock, ErrorKind, InsertError};

use crate::board::Map;
use crate::candump::Message;
use crate::marker::{self, Work};

/// The latest frame of each identifier; the shipped log has 61.
pub static FRAMES: Map<Frame, 64> = Map::with_lock(CriticalSectionLock::new());

/// The latest frame of an identifier, and how many came before it.
#[derive(Clone, Copy)]
pub struct Frame {
    pub first_us: u64,
    pub last_us: u64,
    pub count: u32,
    pub data: [u8; 8],
    pub len: u8,
    pub remote: bool,
    /// Made of all other fields: a reader that met a torn or a freed frame would see it.
    seal: u16,
}

impl Frame {
    fn new(message: &Message, before: Option<&Frame>) -> Self {
        let mut frame = Self {
            first_us: before.map_or(message.at_us, |before| before.first_us),
            last_us: message.at_us,
            count: before.map_or(0, |before| before.count) + 1,
            data: message.data,
            len: message.len,
            remote: message.remote,
            seal: 0,
        };
        frame.seal = frame.sum();
        frame
    }

    pub fn is_whole(&self) -> bool {
        self.seal == self.sum()
    }

    fn sum(&self) -> u16 {
        let words = [self.first_us, self.last_us, u64::from_le_bytes(self.data), self.count.into()];
        let start = u64::from(self.len) << 8 | u64::from(self.remote);
        let sum = words.iter().fold(start, |sum, word| sum.wrapping_mul(31).wrapping_add(*word));
        (sum ^ sum >> 16 ^ sum >> 32 ^ sum >> 48) as u16
    }

    /// The mean distance between two frames.
    pub fn period_us(&self) -> Option<u64> {
        let gaps = u64::from(self.count).checked_sub(1).filter(|gaps| *gaps > 0)?;
        Some(self.last_us.saturating_sub(self.first_us) / gaps)
    }
}

/// Makes `message` the latest of its identifier, if there is memory for it. `Busy`: there will be, when a reader that
/// this interrupted is done, for it is what the reader may still see that takes it: a `FixedMap`'s spares, or the heap.
pub fn store(message: &Message) -> Result<(), ErrorKind> {
    let frame = {
        let before = UART.get(|| FRAMES.get(&message.id));
        Frame::new(message, before.as_deref())
    };
    UART.put(|| FRAMES.try_insert(message.id, frame)).map_err(|kind| match kind {
        ErrorKind::OutOfMemory if !FRAMES.garbage().is_empty() => ErrorKind::Busy,
        _ => kind,
    })
}

/// Main, or one of the interrupt handlers, and what it did to the maps.
pub struct Context {
    pub name: &'static str,
    pub hits: AtomicUsize,
    pub misses: AtomicUsize,
    pub new: AtomicUsize,
    pub overwritten: AtomicUsize,
    pub removed: AtomicUsize,
    /// Insertions for which there was no memory, or none until a reader is done.
    pub refused: AtomicUsize,
    /// How often an interrupt came in the middle of an operation of this context.
    pub interrupted: AtomicUsize,
    /// Frames whose seal was broken. Must stay 0.
    pub broken: AtomicUsize,
    inside: AtomicBool,
}

pub static MAIN: Context = Context::new("main");
pub static UART: Context = Context::new("UART");
pub static TICK: Context = Context::new("SysTick");

impl Context {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            hits: AtomicUsize::new(0),
            misses: AtomicUsize::new(0),
            new: AtomicUsize::new(0),
            overwritten: AtomicUsize::new(0),
            removed: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            interrupted: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            inside: AtomicBool::new(false),
        }
    }

    pub fn get<R>(&self, lookup: impl FnOnce() -> Option<R>) -> Option<R> {
        let found = self.during(Work::Lookup, lookup);
        count(if found.is_some() { &self.hits } else { &self.misses });
        found
    }

    /// Does an insertion, which may overwrite.
    pub fn put<R, V>(
        &self,
        insertion: impl FnOnce() -> Result<Option<R>, InsertError<u32, V>>,
    ) -> Result<(), ErrorKind> {
        let outcome = self.during(Work::Insertion, || insertion().map(|old| old.is_some()).map_err(|error| error.kind));
        count(match outcome {
            Ok(true) => &self.overwritten,
            Ok(false) => &self.new,
            Err(_) => &self.refused,
        });
        outcome.map(|_| ())
    }

    pub fn remove<R>(&self, removal: impl FnOnce() -> Option<R>) {
        if self.during(Work::Removal, || removal().is_some()) {
            count(&self.removed);
        }
    }

    /// Counts a broken seal.
    pub fn check(&self, frame: &Frame) {
        if !frame.is_whole() {
            count(&self.broken);
        }
    }

    /// Marks the time that `operation` takes.
    pub fn during<R>(&self, what: Work, operation: impl FnOnce() -> R) -> R {
        self.inside.store(true, Relaxed);
        let result = marker::around(what, operation);
        self.inside.store(false, Relaxed);
        result
    }

    /// To be called by a handler that may interrupt this context, as it starts.
    pub fn note_interrupt(&self) {
        if self.inside.load(Relaxed) {
            count(&self.interrupted);
        }
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Relaxed);
}
