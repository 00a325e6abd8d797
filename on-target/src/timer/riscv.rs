//! The machine timer of the CLINT: `mtime`, which all harts share, and `mtimecmp` for each.

use riscv::interrupt::Interrupt;
use riscv::register::{mepc, mie};

use crate::cores;

const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *const u32 = 0x0200_BFF8 as *const u32;

/// Counts ticks from now on.
pub fn count() {}

/// What was counted, and something before it.
#[inline(always)]
pub fn counted() -> u32 {
    // SAFETY: a register that is read.
    unsafe { MTIME.read_volatile() }
}

/// Calls `handler` in an interrupt some `ticks` ticks from now, once.
#[inline(always)]
pub fn once(ticks: u32, handler: fn()) {
    // SAFETY: nobody who calls this is in a critical section, or a handler; what is pending is masked.
    unsafe {
        mie::clear_mtimer();
        riscv::interrupt::enable();
    }
    again(ticks + START, handler);
}

/// As long as it takes until the interrupt can come, in ticks, if an instruction takes at most 11.
const START: u32 = 380;

/// As `once`, where interrupts are enabled already, or from the handler.
#[inline(always)]
pub fn again(ticks: u32, handler: fn()) {
    stop();
    super::set_handler(handler);
    // SAFETY: this hart's registers, which nothing else has, and whose interrupt is masked until both halves are there.
    // Under QEMU, a write to one of them takes long.
    unsafe {
        let mtimecmp = MTIMECMP.add(2 * cores::id());
        let at = now() + u64::from(ticks);
        if mtimecmp.add(1).read_volatile() != (at >> 32) as u32 {
            mtimecmp.add(1).write_volatile((at >> 32) as u32);
        }
        mtimecmp.write_volatile(at as u32);
        mie::set_mtimer();
    }
}

/// What `mtime` says.
#[inline(always)]
fn now() -> u64 {
    loop {
        // SAFETY: registers that are read.
        let [upper, lower, again] = unsafe { [MTIME.add(1), MTIME, MTIME.add(1)].map(|half| half.read_volatile()) };
        if upper == again {
            return u64::from(upper) << 32 | u64::from(lower);
        }
    }
}

/// The timer's interrupt does not come any longer.
pub fn stop() {
    // SAFETY: to mask it breaks nobody's section.
    unsafe { mie::clear_mtimer() };
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn machine_timer() {
    // SAFETY: registers that are read; the lower half says it all, as in `once`.
    let late = unsafe { MTIME.read_volatile().wrapping_sub(MTIMECMP.add(2 * cores::id()).read_volatile()) };
    stop();
    super::interrupt(mepc::read(), late);
}
