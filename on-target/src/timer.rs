//! The timer of each core, and the address at which its interrupt came.

use core::sync::atomic::{AtomicUsize, Ordering::*};

use crate::cores;

#[cfg_attr(target_arch = "arm", path = "timer/arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "timer/riscv.rs")]
mod arch;

pub use arch::{once, stop};

/// What each core's interrupt calls; a `fn()`.
static HANDLERS: [AtomicUsize; cores::MOST] = [const { AtomicUsize::new(0) }; cores::MOST];
static INTERRUPTED_AT: [AtomicUsize; cores::MOST] = [const { AtomicUsize::new(0) }; cores::MOST];

/// Where this core's latest interrupt came: the address of the instruction that was not executed yet.
pub fn interrupted_at() -> usize {
    INTERRUPTED_AT[cores::id()].load(Relaxed)
}

fn set_handler(handler: fn()) {
    HANDLERS[cores::id()].store(handler as usize, Release);
}

fn interrupt(at: usize) {
    INTERRUPTED_AT[cores::id()].store(at, Relaxed);
    let handler = HANDLERS[cores::id()].load(Acquire);
    // SAFETY: `set_handler` stored it, before the timer was started.
    let handler: fn() = unsafe { core::mem::transmute(handler) };
    handler();
}
