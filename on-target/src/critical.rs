//! Critical sections: interrupts are masked, and on boards with several cores the others wait.

use critical_section::{Impl, RawRestoreState};

struct Masked;
critical_section::set_impl!(Masked);

// SAFETY: between the two calls nothing else runs on this core, and nobody else is in a section on another one.
unsafe impl Impl for Masked {
    unsafe fn acquire() -> RawRestoreState {
        let enabled = disable();
        others::acquire();
        enabled
    }

    unsafe fn release(enabled: RawRestoreState) {
        others::release();
        if enabled {
            enable();
        }
    }
}

/// Returns whether they were enabled.
#[cfg(target_arch = "arm")]
fn disable() -> bool {
    let enabled = cortex_m::register::primask::read().is_active();
    cortex_m::interrupt::disable();
    enabled
}

#[cfg(target_arch = "arm")]
fn enable() {
    // SAFETY: they were, before the section.
    unsafe { cortex_m::interrupt::enable() }
}

#[cfg(target_arch = "riscv32")]
fn disable() -> bool {
    let mstatus: usize;
    // SAFETY: reads mstatus and clears its MIE at once.
    unsafe { core::arch::asm!("csrrci {}, mstatus, 8", out(reg) mstatus) };
    mstatus & 8 != 0
}

#[cfg(target_arch = "riscv32")]
fn enable() {
    // SAFETY: they were, before the section.
    unsafe { riscv::interrupt::enable() }
}

/// One core has nobody to wait for.
#[cfg(not(cores))]
mod others {
    pub fn acquire() {}
    pub fn release() {}
}

#[cfg(cores)]
mod others {
    use core::sync::atomic::{AtomicU32, Ordering::*};

    use crate::cores;

    /// The core that is in a section, and how many sections more than one it is in, in the
    /// upper half; 0 if there is none.
    static OWNER: AtomicU32 = AtomicU32::new(0);
    const DEPTH: u32 = 1 << 16;

    pub fn acquire() {
        let me = cores::id() as u32 + 1;
        let owner = OWNER.load(Relaxed);
        if owner % DEPTH == me {
            OWNER.store(owner + DEPTH, Relaxed);
            return;
        }
        for attempt in 1_u32.. {
            if OWNER.compare_exchange_weak(0, me, Acquire, Relaxed).is_ok() {
                break;
            }
            // It takes so long that, where cores run in parallel, one that always does it hardly ever comes in.
            if attempt % 64 == 0 { cores::pass_turn() } else { core::hint::spin_loop() }
        }
    }

    pub fn release() {
        let owner = OWNER.load(Relaxed);
        OWNER.store(owner.saturating_sub(DEPTH), Release);
    }
}
