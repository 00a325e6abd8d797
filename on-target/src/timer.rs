//! The timer of each core, and the address at which its interrupt came.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*};

use crate::cores;

#[cfg_attr(target_arch = "arm", path = "timer/arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "timer/riscv.rs")]
mod arch;
pub mod places;

pub use arch::{again, once, stop};

/// What each core's interrupt calls; a `fn()`.
static HANDLERS: [AtomicUsize; cores::MOST] = [const { AtomicUsize::new(0) }; cores::MOST];
static INTERRUPTED_AT: [AtomicUsize; cores::MOST] = [const { AtomicUsize::new(0) }; cores::MOST];

/// Ticks since the latest interrupt had been due, when it came.
static LATE: [AtomicU32; cores::MOST] = [const { AtomicU32::new(0) }; cores::MOST];

/// Where this core's latest interrupt came: the address of the instruction that was not executed yet.
pub fn interrupted_at() -> usize {
    INTERRUPTED_AT[cores::id()].load(Relaxed)
}

/// How many ticks this core's latest interrupt came after it was due, the time that it takes to come included.
pub fn late() -> u32 {
    LATE[cores::id()].load(Relaxed)
}

/// How many ticks an instruction lasts, rounded down: the longest step that meets each of them.
///
/// # Panics
/// Unless an instruction lasts a tick at least, and all last as long (-icount).
pub fn instruction() -> u32 {
    let ticks = |nops: extern "C" fn()| {
        arch::count();
        let start = arch::counted();
        nops();
        let end = arch::counted();
        stop();
        end - start
    };
    let (one, two) = (ticks(thousand), ticks(two_thousand));
    let per_instruction = two.saturating_sub(one) / 1000;
    assert!((1..=10).contains(&per_instruction), "1000 instructions took {one} ticks, and 2000 took {two}");
    per_instruction
}

macro_rules! nops {
    ($name:ident, $count:literal) => {
        #[unsafe(naked)]
        extern "C" fn $name() {
            #[cfg(target_arch = "arm")]
            naked_asm!(".rept {}", "nop", ".endr", "bx lr", const $count);
            #[cfg(target_arch = "riscv32")]
            naked_asm!(".rept {}", "nop", ".endr", "ret", const $count);
        }
    };
}

nops!(thousand, 1000);
nops!(two_thousand, 2000);

fn set_handler(handler: fn()) {
    HANDLERS[cores::id()].store(handler as usize, Release);
}

fn interrupt(at: usize, late: u32) {
    INTERRUPTED_AT[cores::id()].store(at, Relaxed);
    LATE[cores::id()].store(late, Relaxed);
    let handler = HANDLERS[cores::id()].load(Acquire);
    // SAFETY: `set_handler` stored it, before the timer was started.
    let handler: fn() = unsafe { core::mem::transmute(handler) };
    handler();
}
