//! Two Cortex-M33, of which the second waits to be started.

use core::arch::naked_asm;
use core::cell::UnsafeCell;

use cortex_m::peripheral::NVIC;
use cortex_m::register::msp;

/// In bytes.
const STACK: usize = 16 * 1024;

#[repr(C, align(8))]
struct Stack(UnsafeCell<[u8; STACK]>);

// SAFETY: the second core has it; its address is all that others look at.
unsafe impl Sync for Stack {}

static OTHERS_STACK: Stack = Stack(UnsafeCell::new([0; STACK]));

/// What the second core starts with, where it looks for its vector table.
#[repr(C, align(128))]
struct Start {
    stack: *const Stack,
    entry: unsafe extern "C" fn() -> !,
}

// SAFETY: it is only read.
unsafe impl Sync for Start {}

static START: Start = Start { stack: (&raw const OTHERS_STACK).wrapping_add(1), entry };

/// Where the second core looks.
const INITIAL_VECTORS: *mut u32 = 0x5002_1114 as *mut u32;
/// A bit for each core that waits.
const WAITING: *mut u32 = 0x5002_1118 as *mut u32;
/// Set and clear an interrupt of the second core's.
const SIGNAL: *mut u32 = 0x5000_3014 as *mut u32;
const NO_SIGNAL: *mut u32 = 0x5000_3018 as *mut u32;

/// That interrupt.
#[derive(Clone, Copy)]
struct Signal;

// SAFETY: the board's.
unsafe impl cortex_m::interrupt::InterruptNumber for Signal {
    fn number(self) -> u16 {
        6
    }
}

/// The number of the core that asks, from 0. (The board has a register that tells, far slower.)
#[inline(always)]
pub fn id() -> usize {
    let below = msp::read().wrapping_sub((&raw const OTHERS_STACK).addr() as u32 + 1);
    usize::from(below < STACK as u32)
}

pub fn count() -> usize {
    2
}

/// Lets the other core run, where they take turns (-icount).
pub fn pass_turn() {
    core::hint::spin_loop();
}

/// Ends the other core's `sleep`, or its next one; before the first, starts it.
pub fn wake_others() {
    // SAFETY: registers that only the first core writes, and this memory is there for ever.
    unsafe {
        INITIAL_VECTORS.write_volatile((&raw const START).addr() as u32);
        cortex_m::asm::dsb();
        SIGNAL.write_volatile(1);
        WAITING.write_volatile(0);
    }
}

/// Waits for `wake_others`.
pub fn sleep() {
    cortex_m::interrupt::disable();
    // SAFETY: interrupts are disabled while this one is not masked, and the register is there for this core.
    unsafe {
        NVIC::unmask(Signal);
        cortex_m::asm::wfi();
        NO_SIGNAL.write_volatile(1);
    }
    NVIC::mask(Signal);
    NVIC::unpend(Signal);
    // SAFETY: what `run` is given is no critical section.
    unsafe { cortex_m::interrupt::enable() };
}

/// Uses the first core's vectors from now on, for faults and for the timer.
#[unsafe(naked)]
unsafe extern "C" fn entry() -> ! {
    naked_asm!(
        "ldr r0, =0xE000ED08", // VTOR
        "ldr r1, =__vector_table",
        "str r1, [r0]",
        "dsb",
        "isb",
        "b {others}",
        others = sym others,
    )
}

extern "C" fn others() -> ! {
    super::all::others()
}
