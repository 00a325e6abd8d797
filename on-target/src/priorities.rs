//! Interrupts of several priorities, pended by software, and by the timer at any instruction.

use core::sync::atomic::{AtomicUsize, Ordering::*};

use crate::timer;

#[cfg_attr(target_arch = "arm", path = "priorities/arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "priorities/riscv.rs")]
mod arch;

pub use arch::{HIGHEST, pend};

/// What the interrupts call; a `fn(usize)`.
static HANDLER: AtomicUsize = AtomicUsize::new(0);
/// What says when the timer pends the next one, and which; a `fn() -> (u32, usize)`.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// From now on each interrupt calls `handler` with its priority when it is pended: 1 is the lowest, 0 is `main`.
///
/// Again and again the timer's interrupt calls `next`, pends the priority that it returns, and waits so many ticks.
pub fn start(handler: fn(usize), next: fn() -> (u32, usize)) {
    HANDLER.store(handler as usize, Release);
    NEXT.store(next as usize, Release);
    arch::start();
}

/// They do not come any longer. For `main`.
pub fn stop() {
    timer::stop();
    arch::stop();
}

fn handle(priority: usize) {
    // SAFETY: `start` stored it, before the interrupt was enabled.
    let handler: fn(usize) = unsafe { core::mem::transmute(HANDLER.load(Acquire)) };
    handler(priority);
}

fn next() -> (u32, usize) {
    // SAFETY: `start` stored it, before the timer was started.
    let next: fn() -> (u32, usize) = unsafe { core::mem::transmute(NEXT.load(Acquire)) };
    next()
}
