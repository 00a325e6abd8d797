//! A heap of a fixed size, in interrupt handlers too.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;

use embedded_alloc::TlsfHeap;
use portable_atomic::{AtomicUsize, Ordering::Relaxed};

/// In bytes. Of the boards' 64 KiB, it leaves room for the maps in statics and for the stack.
const SIZE: usize = if cfg!(roomy) { 192 * 1024 } else { 28 * 1024 };

static HEAP: TlsfHeap = TlsfHeap::empty();

/// The allocator. An image that needs one has it as `#[global_allocator]`.
pub struct System;

static LIVE: AtomicUsize = AtomicUsize::new(0);

impl System {
    /// How many allocations there are.
    pub fn live() -> usize {
        LIVE.load(Relaxed)
    }
}

// SAFETY: it is the heap, which holds up the promises.
unsafe impl GlobalAlloc for System {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let memory = unsafe { HEAP.alloc(layout) };
        LIVE.fetch_add(usize::from(!memory.is_null()), Relaxed);
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { HEAP.dealloc(memory, layout) }
    }
}

/// Once, before anything is allocated.
pub fn init() {
    static mut MEMORY: [MaybeUninit<u8>; SIZE] = [MaybeUninit::uninit(); SIZE];
    // SAFETY: the memory is used for nothing else, and this is called once.
    unsafe { HEAP.init((&raw mut MEMORY).addr(), SIZE) }
}
