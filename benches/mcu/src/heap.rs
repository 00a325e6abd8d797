//! The allocator, between markers; and how much is allocated.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use embedded_alloc::TlsfHeap;

use crate::marker;

const SIZE: usize = 128 * 1024;

#[global_allocator]
static ALLOCATOR: Marked = Marked;

static HEAP: TlsfHeap = TlsfHeap::empty();

struct Marked;

/// Bytes, as requested. Written to in one context only, so that load and store suffice.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it is the heap, which holds up the promises.
unsafe impl GlobalAlloc for Marked {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        allocate(layout, |layout| unsafe { HEAP.alloc(layout) })
    }

    /// Zeroing is the allocator's, too: others have zeros at hand.
    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        allocate(layout, |layout| unsafe { HEAP.alloc_zeroed(layout) })
    }

    #[inline(never)]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        marker::allocator();
        // SAFETY: the caller's promise.
        unsafe { HEAP.dealloc(memory, layout) }
        marker::aside();
        LIVE.store(LIVE.load(Relaxed) - layout.size(), Relaxed);
        marker::resume();
    }
}

#[inline(always)]
fn allocate(layout: Layout, by: impl FnOnce(Layout) -> *mut u8) -> *mut u8 {
    marker::allocator();
    let memory = by(layout);
    marker::aside();
    if !memory.is_null() {
        let live = LIVE.load(Relaxed) + layout.size();
        LIVE.store(live, Relaxed);
        PEAK.store(PEAK.load(Relaxed).max(live), Relaxed);
    }
    marker::resume();
    memory
}

/// Once, before anything is allocated.
pub fn init() {
    /// What the allocator does must not depend on where the linker puts it.
    #[repr(align(1024))]
    struct Memory(UnsafeCell<[MaybeUninit<u8>; SIZE]>);
    // SAFETY: only its address is used here.
    unsafe impl Sync for Memory {}
    static MEMORY: Memory = Memory(UnsafeCell::new([MaybeUninit::uninit(); SIZE]));
    // SAFETY: the memory is used for nothing else, and this is called once.
    unsafe { HEAP.init(MEMORY.0.get().expose_provenance(), SIZE) }
}

/// The most bytes that were live at a time, since the last call.
pub fn take_peak() -> usize {
    let peak = PEAK.load(Relaxed);
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    peak
}

/// Whether all is freed.
pub fn is_empty() -> bool {
    LIVE.load(Relaxed) == 0
}
