//! The frame cache, and the accounts of who did what to it and to the other maps.
//!
//! One writer: only the UART's handler calls [`store`], so reading a frame and writing its successor needs no lock
//! although two steps. Everyone reads, at any time, without masking an interrupt.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use twinmap::{CriticalSectionLock, Ref, SyncMap};

use crate::candump::Message;

pub type Map<V> = SyncMap<u32, V, CriticalSectionLock>;

/// The latest frame of each identifier.
pub static FRAMES: Map<Frame> = SyncMap::with_lock(CriticalSectionLock::new());

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

/// Makes `message` the latest of its identifier; `false` if there is no memory for it.
pub fn store(message: &Message) -> bool {
    let frame = {
        let before = UART.get(&FRAMES, message.id);
        Frame::new(message, before.as_deref())
    };
    UART.put(&FRAMES, message.id, frame)
}

/// Main, or one of the interrupt handlers, and what it did to the maps.
pub struct Context {
    pub name: &'static str,
    pub hits: AtomicUsize,
    pub misses: AtomicUsize,
    pub new: AtomicUsize,
    pub overwritten: AtomicUsize,
    pub removed: AtomicUsize,
    /// Insertions for which there was no memory.
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

    pub fn get<'m, V>(&self, map: &'m Map<V>, key: u32) -> Option<Ref<'m, u32, V>> {
        let found = self.during(|| map.get(&key));
        count(if found.is_some() { &self.hits } else { &self.misses });
        found
    }

    /// Inserts or overwrites; `false` if there is no memory for it. Never aborts.
    pub fn put<V>(&self, map: &Map<V>, key: u32, value: V) -> bool {
        let outcome = self.during(|| map.try_insert(key, value).map(|old| old.is_some()));
        count(match outcome {
            Ok(true) => &self.overwritten,
            Ok(false) => &self.new,
            Err(_) => &self.refused,
        });
        outcome.is_ok()
    }

    pub fn remove<V>(&self, map: &Map<V>, key: u32) {
        if self.during(|| map.remove(&key).is_some()) {
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
    pub fn during<R>(&self, operation: impl FnOnce() -> R) -> R {
        self.inside.store(true, Relaxed);
        let result = operation();
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
