//! The machine timer of the CLINT: `mtime`, which all harts share, and `mtimecmp` for each.

use riscv::interrupt::Interrupt;
use riscv::register::{mepc, mie};

use crate::cores;

const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *const u32 = 0x0200_BFF8 as *const u32;

/// Calls `handler` in an interrupt some `ticks` ticks from now, once.
#[inline(always)]
pub fn once(ticks: u32, handler: fn()) {
    super::set_handler(handler);
    // SAFETY: this hart's registers, which nothing else has. The upper half goes first, so that it is not early; no run
    // comes near 2^32 ticks.
    unsafe {
        let mtimecmp = MTIMECMP.add(2 * cores::id());
        mtimecmp.add(1).write_volatile(u32::MAX);
        mie::set_mtimer();
        riscv::interrupt::enable();
        mtimecmp.write_volatile(MTIME.read_volatile().wrapping_add(ticks));
        mtimecmp.add(1).write_volatile(0);
    }
}

/// The timer's interrupt does not come any longer.
pub fn stop() {
    // SAFETY: to mask it breaks nobody's section.
    unsafe { mie::clear_mtimer() };
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn machine_timer() {
    stop();
    super::interrupt(mepc::read());
}
