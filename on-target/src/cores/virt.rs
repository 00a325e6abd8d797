//! Up to four harts, of which all but the first wait to be started.

use core::arch::{asm, naked_asm};

use riscv::register::{mhartid, mie};

use super::MOST;

/// A software interrupt for each hart.
const MSIP: *mut u32 = 0x0200_0000 as *mut u32;

/// The number of the core that asks, from 0.
#[inline(always)]
pub fn id() -> usize {
    mhartid::read()
}

/// How many there are: of up to four, as many as the machine was given.
pub fn count() -> usize {
    const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
    let there = |hart: &usize| {
        // SAFETY: a register of the hart's timer, which it has not started. Of a hart that is not there it reads as 0.
        unsafe {
            let upper = MTIMECMP.add(2 * hart + 1);
            upper.write_volatile(1);
            let there = upper.read_volatile() == 1;
            upper.write_volatile(0);
            there
        }
    };
    1 + (1..MOST).take_while(there).count()
}

/// Lets another hart run, where they take turns (-icount).
///
/// They do so when one waits for an interrupt. Here that is one that is pending already: it
/// ends the wait, and is not taken.
pub fn pass_turn() {
    // SAFETY: interrupts are disabled while this one is not masked.
    unsafe {
        asm!(
            "csrrci {enabled}, mstatus, 8",
            "csrsi mip, 2", // The supervisor's software interrupt, which nothing else uses,
            "csrsi mie, 2",
            "wfi",
            "csrci mie, 2",
            "andi {enabled}, {enabled}, 8",
            "csrs mstatus, {enabled}",
            enabled = out(reg) _,
        )
    }
}

/// Ends the others' `sleep`, or their next one; before the first, starts them.
pub fn wake_others() {
    for hart in 1..MOST {
        // SAFETY: the register is there for this.
        unsafe { MSIP.add(hart).write_volatile(1) };
    }
    // SAFETY: `run` is not called in a critical section.
    unsafe { riscv::interrupt::enable() };
}

/// Waits for `wake_others`.
pub fn sleep() {
    riscv::interrupt::disable();
    // SAFETY: interrupts are disabled while this one is not masked, and the register is there for this hart. What `run`
    // is given is no critical section.
    unsafe {
        mie::set_msoft();
        riscv::asm::wfi();
        mie::clear_msoft();
        MSIP.add(id()).write_volatile(0);
        riscv::interrupt::enable();
    }
}

/// The runtime asks here which hart is to set up memory: the first. Before it has, the others use none.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _mp_hook() {
    naked_asm!(
        "bnez a0, 1f",
        "li a0, 1",
        "ret",
        "1: csrsi mie, 8",
        "2: wfi",
        "csrr t0, mip",
        "andi t0, t0, 8",
        "beqz t0, 2b",
        "csrci mie, 8",
        "tail {others}",
        others = sym others,
    )
}

extern "C" fn others() -> ! {
    unsafe extern "Rust" {
        fn _setup_interrupts(hart: usize);
    }
    // SAFETY: the first is the runtime's, which calls it on the first hart before `main`.
    unsafe {
        _setup_interrupts(id());
        riscv::interrupt::enable();
    }
    super::all::others()
}
