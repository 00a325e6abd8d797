//! An allocator of next to no code, to be in the firmware with a map as in the one without: what is freed is lost.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const SIZE: usize = 16 * 1024;

#[global_allocator]
static HEAP: Heap = Heap { memory: UnsafeCell::new([0; SIZE / 8]), used: AtomicUsize::new(0) };

struct Heap {
    memory: UnsafeCell<[u64; SIZE / 8]>,
    used: AtomicUsize,
}

// SAFETY: these firmwares are not run; each would be one context, without interrupts.
unsafe impl Sync for Heap {}

// SAFETY: what is handed out is within the memory, is aligned if 8 bytes suffice, and is handed out once.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.used.load(Relaxed);
        let end = (start + layout.size()).next_multiple_of(8);
        if layout.align() > 8 || end > SIZE {
            return ptr::null_mut();
        }
        self.used.store(end, Relaxed);
        self.memory.get().cast::<u8>().wrapping_add(start)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
