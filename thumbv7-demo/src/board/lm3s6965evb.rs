//! The LM3S6965, a Cortex-M3: its UART, and a heap that knows its high-water mark.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use embedded_alloc::TlsfHeap;

#[cfg_attr(feature = "replay", path = "replay.rs")]
#[cfg_attr(not(feature = "replay"), path = "pl011.rs")]
mod uart;

pub use uart::{UART, acknowledge_uart, receive, start_uart};

/// Grows on the heap as keys come, whatever the number `N` that the program expects.
#[cfg(not(feature = "mutex"))]
pub type Map<V, const N: usize> = twinmap::SyncMap<u32, V, twinmap::CriticalSectionLock>;
#[cfg(feature = "mutex")]
pub use crate::plain::Map;

/// What is full when a frame finds no memory.
pub const ROOM: &str = "the heap";

/// Of the 64 KiB of RAM; most of the others are the stack's. Plain maps don't use it, and take more of the others.
const HEAP_SIZE: usize = if cfg!(feature = "mutex") { 1024 } else { 40 * 1024 };

/// Two milliseconds at 12.5 MHz.
pub const TICK: u32 = 25_000;

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
