//! The board: registers, interrupt priorities, SysTick, and a heap that knows its high-water mark.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::scb::SystemHandler;
use cortex_m::peripheral::syst::SystClkSource;
use embedded_alloc::TlsfHeap;

use crate::uart;

/// Of the 64 KiB of RAM; most of the others are the stack's.
pub const HEAP_SIZE: usize = 40 * 1024;

/// Two milliseconds at 12.5 MHz.
const TICK: u32 = 25_000;

/// A number of an external interrupt.
#[derive(Clone, Copy)]
pub struct Irq(pub u16);

// SAFETY: the numbers in use are the LM3S6965's, and constant.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        self.0
    }
}

/// A device's register, by its address.
pub struct Register(pub usize);

impl Register {
    pub fn read(&self) -> u32 {
        // SAFETY: every `Register` of this program is one of UART0's, which is on and nobody else's.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub fn write(&self, value: u32) {
        // SAFETY: as in `read`; none of the UART's registers makes it access memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

/// Gives SysTick a higher priority than the UART, and starts it.
pub fn start_ticks(mut peripherals: cortex_m::Peripherals) {
    // SAFETY: critical sections of this program mask by PRIMASK, so priorities can't break one.
    unsafe {
        peripherals.SCB.set_priority(SystemHandler::SysTick, 0x40);
        peripherals.NVIC.set_priority(uart::IRQ, 0x80);
    }
    let mut tick = peripherals.SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(TICK - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();
}

/// Counts the bytes that are allocated, without the allocator's own words beside each block.
pub struct Heap {
    inner: TlsfHeap,
    used: AtomicUsize,
    most: AtomicUsize,
}

#[global_allocator]
pub static HEAP: Heap = Heap { inner: TlsfHeap::empty(), used: AtomicUsize::new(0), most: AtomicUsize::new(0) };

impl Heap {
    /// # Safety
    ///
    /// See [`TlsfHeap::init`].
    unsafe fn init(&self, start: usize, size: usize) {
        // SAFETY: promised by the caller.
        unsafe { self.inner.init(start, size) }
    }

    pub fn high_water(&self) -> usize {
        self.most.load(Relaxed)
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
pub fn init_heap() {
    // SAFETY: `main` calls this once, as its first statement.
    unsafe {
        embedded_alloc::init!(HEAP, HEAP_SIZE);
    }
}
