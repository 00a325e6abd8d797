//! SysTick, counting the core's clock.

use core::arch::naked_asm;

use cortex_m::peripheral::SYST;

/// Calls `handler` in an interrupt some `ticks` ticks from now, once.
#[inline(always)]
pub fn once(ticks: u32, handler: fn()) {
    again(ticks + START, handler);
    // SAFETY: nothing else has the timer.
    unsafe { (*SYST::PTR).rvr.write(RELOAD) }; // For `late`; the count goes on from the other one.
}

/// As `once`, where interrupts are enabled already, or from the handler; without `late`, but with any clock.
#[inline(always)]
pub fn again(ticks: u32, handler: fn()) {
    super::set_handler(handler);
    // SAFETY: nothing else has the timer, and what stands in its registers may be anything.
    unsafe {
        (*SYST::PTR).rvr.write(ticks);
        (*SYST::PTR).cvr.write(0);
        (*SYST::PTR).csr.write(0b111); // The core's clock, an interrupt, on.
    }
}

/// What the timer counts down from after its interrupt is due.
const RELOAD: u32 = 0xFF_FFFF;

/// As long as it takes until the registers are written and the first reload is done with, in ticks, if
/// an instruction takes at most 10.
const START: u32 = 120;

/// Counts ticks from now on.
pub fn count() {
    // SAFETY: nothing else has the timer.
    unsafe {
        (*SYST::PTR).rvr.write(RELOAD);
        (*SYST::PTR).cvr.write(0);
        (*SYST::PTR).csr.write(0b101); // The core's clock, no interrupt, on.
    }
    // The first reload.
    while SYST::get_current() == 0 {}
}

/// What was counted.
#[inline(always)]
pub fn counted() -> u32 {
    RELOAD - SYST::get_current()
}

/// The timer is off, and its interrupt is not pending any longer.
pub fn stop() {
    // SAFETY: nothing else has the timer.
    unsafe { (*SYST::PTR).csr.write(0) };
    cortex_m::peripheral::SCB::clear_pendst();
}

/// Finds the frame with the return address, on the stack of whoever was interrupted.
///
/// # Safety
/// It is called by an exception.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SysTick() {
    naked_asm!(
        "mov r0, lr",
        "movs r1, #4",
        "tst r0, r1",
        "bne 1f",
        "mrs r0, msp",
        "b 2f",
        "1: mrs r0, psp",
        "2: ldr r0, [r0, #24]",
        "ldr r1, 3f",
        "bx r1",
        ".p2align 2",
        "3: .word {interrupt}",
        interrupt = sym interrupt,
    )
}

extern "C" fn interrupt(at: usize) {
    let late = counted(); // Since the interrupt was due.
    stop();
    super::interrupt(at, late);
}
