//! The CLINT knows no priorities. The software interrupt is the lower one here, by
//! letting the timer's in while it runs.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use riscv::interrupt::Interrupt;
use riscv::register::{mepc, mie, mstatus};

use crate::timer;

pub const HIGHEST: usize = 2;

/// The registers of the first hart, which runs the tests.
const MSIP: *mut u32 = 0x0200_0000 as *mut u32;
const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *const u32 = 0x0200_BFF8 as *const u32;

/// The timer's interrupt was pended by software.
static PENDED: AtomicBool = AtomicBool::new(false);
/// It is being handled.
static HANDLED: AtomicBool = AtomicBool::new(false);

pub fn start() {
    // SAFETY: the interrupt has a handler, below.
    unsafe {
        MSIP.write_volatile(0);
        mie::set_msoft();
    }
    pend(HIGHEST);
}

pub fn stop() {
    // SAFETY: to mask it breaks nobody's section.
    unsafe { mie::clear_msoft() };
}

/// Has the interrupt come as soon as nothing of its priority, or of a higher one, runs.
pub fn pend(priority: usize) {
    if priority == HIGHEST {
        PENDED.store(true, Relaxed);
        if !HANDLED.load(Relaxed) {
            timer::once(0, timer_interrupt);
        }
    } else {
        // SAFETY: the register is there for this.
        unsafe { MSIP.write_volatile(1) };
    }
}

fn timer_interrupt() {
    HANDLED.store(true, Relaxed);
    let (ticks, priority) = super::next();
    if PENDED.load(Relaxed) || priority == HIGHEST {
        PENDED.store(false, Relaxed);
        super::handle(HIGHEST);
    } else {
        pend(priority);
    }
    HANDLED.store(false, Relaxed);
    let ticks = if PENDED.load(Relaxed) { 0 } else { ticks };
    // As `timer::once`, but that interrupts are enabled when this one is done.
    // SAFETY: as there.
    unsafe {
        MTIMECMP.write_volatile(MTIME.read_volatile().wrapping_add(ticks));
        mie::set_mtimer();
    }
}

#[riscv_rt::core_interrupt(Interrupt::MachineSoft)]
fn machine_soft() {
    // What another interrupt overwrites.
    let (interrupted_at, status) = (mepc::read(), mstatus::read());
    // SAFETY: this one stays masked until it is done; and all is put back.
    unsafe {
        MSIP.write_volatile(0);
        mie::clear_msoft();
        riscv::interrupt::enable();
        super::handle(1);
        riscv::interrupt::disable();
        mie::set_msoft();
        mepc::write(interrupted_at);
        mstatus::write(status);
    }
}
