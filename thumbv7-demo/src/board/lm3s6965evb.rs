//! The LM3S6965, a Cortex-M3: a PL011 for its UART, and a heap that knows its high-water mark.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use embedded_alloc::TlsfHeap;
use twinmap::{CriticalSectionLock, SyncMap};

use super::{Irq, Register};

/// Grows on the heap as keys come, whatever the number `N` that the program expects.
pub type Map<V, const N: usize> = SyncMap<u32, V, CriticalSectionLock>;

/// What is full when a frame finds no memory.
pub const ROOM: &str = "the heap";

/// Of the 64 KiB of RAM; most of the others are the stack's.
const HEAP_SIZE: usize = 40 * 1024;

/// Two milliseconds at 12.5 MHz.
pub const TICK: u32 = 25_000;

pub const UART: Irq = Irq(5);

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

/// Makes the UART receive, and interrupt when it has.
///
/// The PL011 forgets the character that it holds when its FIFO is switched on. So the sender begins with one that is
/// not part of the log, and this waits for it; until it's read or forgotten QEMU sends no other.
pub fn start_uart() {
    CONTROL.write(ENABLE);
    while FLAGS.read() & RECEIVE_FULL == 0 {}
    LINE_CONTROL.write(EIGHT_BITS_AND_FIFO);
    INTERRUPT_MASK.write(RECEIVE_AND_TIMEOUT);
}

pub fn acknowledge_uart() {
    INTERRUPT_CLEAR.write(RECEIVE_AND_TIMEOUT);
}

/// A byte that was received.
pub fn receive() -> Option<u8> {
    (FLAGS.read() & RECEIVE_EMPTY == 0).then(|| DATA.read() as u8)
}

/// Counts the bytes that are allocated, without the allocator's own words beside each block.
struct Heap {
    inner: TlsfHeap,
    used: AtomicUsize,
    most: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap { inner: TlsfHeap::empty(), used: AtomicUsize::new(0), most: AtomicUsize::new(0) };

impl Heap {
    /// # Safety
    ///
    /// See [`TlsfHeap::init`].
    unsafe fn init(&self, start: usize, size: usize) {
        // SAFETY: promised by the caller.
        unsafe { self.inner.init(start, size) }
    }
}

// SAFETY: forwards to an allocator, and counts.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: promised by the caller.
        let block = unsafe { self.inner.alloc(layout) };
        if !block.is_null() {
            let used = self.used.fetch_add(layout.size(), Relaxed) + layout.size();
            self.most.fetch_max(used, Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { self.inner.dealloc(block, layout) };
        self.used.fetch_sub(layout.size(), Relaxed);
    }
}

/// To be called once, before anything allocates.
pub fn init_memory() {
    // SAFETY: `main` calls this once, as its first statement.
    unsafe {
        embedded_alloc::init!(HEAP, HEAP_SIZE);
    }
}

/// How much memory the maps, of `_maps` bytes themselves, have needed: what, how much, and of what.
pub fn memory(_maps: usize) -> (&'static str, usize, &'static str) {
    ("heap", HEAP.most.load(Relaxed), "bytes in use, at most, of 40 KiB")
}
