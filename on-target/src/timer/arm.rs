//! SysTick, counting the core's clock.

use core::arch::naked_asm;

use cortex_m::peripheral::SYST;

/// Calls `handler` in an interrupt some `ticks` ticks from now, once.
#[inline(always)]
pub fn once(ticks: u32, handler: fn()) {
    super::set_handler(handler);
    // SAFETY: nothing else has the timer, and what stands in its registers may be anything.
    unsafe {
        (*SYST::PTR).rvr.write(ticks);
        (*SYST::PTR).cvr.write(0);
        (*SYST::PTR).csr.write(0b111); // The core's clock, an interrupt, on.
    }
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
        "ldr r1, ={interrupt}",
        "bx r1",
        interrupt = sym interrupt,
    )
}

extern "C" fn interrupt(at: usize) {
    // SAFETY: nothing else has the timer.
    unsafe { (*SYST::PTR).csr.write(0) };
    super::interrupt(at);
}
