//! Threads that preempt each other, in turn, at any instruction. For Cortex-M: SysTick ends a thread's slice, and
//! PendSV, which comes when nothing else runs, switches to the next one.

use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};

use cortex_m::peripheral::SCB;
use cortex_m::peripheral::scb::SystemHandler;

use crate::timer;

/// The first one is `main`, on its own stack.
pub const COUNT: usize = 4;

/// In bytes; that a thread, or an interrupt handler, can report a panic.
const STACK: usize = 3 * 1024;

#[repr(C, align(8))]
struct Stack(UnsafeCell<[u32; STACK / 4]>);

// SAFETY: one thread uses it, or `run` before there is that thread.
unsafe impl Sync for Stack {}

/// Those of the threads, but in the place of the first one that of interrupt handlers.
static STACKS: [Stack; COUNT] = [const { Stack(UnsafeCell::new([0; STACK / 4])) }; COUNT];

/// The stack pointers of the threads that do not run.
static SAVED: [AtomicUsize; COUNT] = [const { AtomicUsize::new(0) }; COUNT];
static ENDED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
static CURRENT: AtomicUsize = AtomicUsize::new(0);
static SWITCHES: AtomicU32 = AtomicU32::new(0);
/// A `fn(usize)`, and a `fn(usize) -> u32`.
static BODY: AtomicUsize = AtomicUsize::new(0);
static PREEMPT: AtomicUsize = AtomicUsize::new(0);

/// Runs `body` in all threads, with the thread's number, until it has returned in each.
///
/// At the end of each slice, `preempt` is called in the interrupt, with the number of the thread that ran. It says how
/// many ticks the next slice takes.
pub fn run(body: fn(usize), preempt: fn(usize) -> u32) {
    BODY.store(body as usize, Release);
    PREEMPT.store(preempt as usize, Release);
    CURRENT.store(0, Relaxed);
    SWITCHES.store(0, Relaxed);
    for thread in 0..COUNT {
        ENDED[thread].store(false, Relaxed);
        if thread != 0 {
            SAVED[thread].store(prepare(thread), Relaxed);
        }
    }
    // SAFETY: nothing relies on priorities; no interrupt is enabled yet; and nothing else has this stack.
    unsafe {
        cortex_m::Peripherals::steal().SCB.set_priority(SystemHandler::PendSV, 0xFF);
        use_thread_stack(end_of(0));
    }
    slice_ends();
    body(0);
    ENDED[0].store(true, Relaxed);
    while !ENDED.iter().all(|ended| ended.load(Relaxed)) {
        SCB::set_pendsv();
    }
    timer::stop();
    // SAFETY: the other threads have ended, and no interrupt comes any longer.
    unsafe { use_main_stack() };
    for stack in &STACKS {
        // SAFETY: nothing uses it any more.
        let lowest = unsafe { &(&*stack.0.get())[..16] };
        assert!(lowest.iter().all(|&word| word == 0), "a stack that is too small");
    }
}

/// How many times there was a switch from one thread to another.
pub fn switches() -> u32 {
    SWITCHES.load(Relaxed)
}

/// An instruction for targets with floating-point registers.
#[cfg(target_abi = "eabihf")]
macro_rules! float {
    ($instruction:literal) => {
        $instruction
    };
}
#[cfg(not(target_abi = "eabihf"))]
macro_rules! float {
    ($instruction:literal) => {
        ""
    };
}

/// Lets some time pass, with `mark` in registers that a switch has to save, and has to restore.
pub fn spin(turns: u32, mark: u32) {
    let lost: u32;
    // SAFETY: registers only.
    unsafe {
        asm!(
            "mov r8, {mark}",
            "mov r10, {mark}",
            float!("vmov s16, {mark}"),
            float!("vmov s31, {mark}"),
            "2: subs {turns}, #1",
            "bne 2b",
            "mov {lost}, r8",
            "eors {lost}, {mark}",
            "mov {turns}, r10",
            "eors {turns}, {mark}",
            "orrs {lost}, {turns}",
            float!("vmov {turns}, s16"),
            float!("eors {turns}, {mark}"),
            float!("orrs {lost}, {turns}"),
            float!("vmov {turns}, s31"),
            float!("eors {turns}, {mark}"),
            float!("orrs {lost}, {turns}"),
            mark = in(reg) mark,
            turns = inout(reg) turns + 1 => _,
            lost = out(reg) lost,
            out("r8") _,
            out("r10") _,
            out("s16") _,
            out("s31") _,
        )
    };
    assert_eq!(lost, 0, "registers that a switch did not restore");
}

/// The address after a stack.
fn end_of(stack: usize) -> usize {
    (&raw const STACKS[stack]).addr() + STACK
}

/// Puts on a thread's stack what the first switch to it takes from there; returns the stack pointer.
fn prepare(thread: usize) -> usize {
    // r4 to r11, and what `bx` takes for "return from an exception, to a thread, without floating-point state".
    let saved = [0, 0, 0, 0, 0, 0, 0, 0, 0xFFFF_FFFD];
    // r0 to r3, r12, lr, the address to return to, and the status: Thumb.
    let frame = [thread as u32, 0, 0, 0, 0, 0, (enter as *const ()).addr() as u32 & !1, 1 << 24];
    let words = saved.into_iter().chain(frame);
    // SAFETY: the thread does not run yet.
    let stack = unsafe { &mut *STACKS[thread].0.get() };
    let place = stack.len() - 17;
    stack[place..].iter_mut().zip(words).for_each(|(place, word)| *place = word);
    end_of(thread) - 17 * 4
}

extern "C" fn enter(thread: usize) -> ! {
    // SAFETY: `run` stored it.
    let body: fn(usize) = unsafe { core::mem::transmute(BODY.load(Acquire)) };
    body(thread);
    ENDED[thread].store(true, Release);
    loop {
        SCB::set_pendsv();
    }
}

/// In the timer's interrupt.
fn slice_ends() {
    // SAFETY: `run` stored it.
    let preempt: fn(usize) -> u32 = unsafe { core::mem::transmute(PREEMPT.load(Acquire)) };
    timer::once(preempt(CURRENT.load(Relaxed)), slice_ends);
    SCB::set_pendsv();
}

/// Who is next, of those that have not ended, or `main`. Takes the stack pointer of one
/// thread, and returns the other's.
extern "C" fn switch(stack_pointer: usize) -> usize {
    let from = CURRENT.load(Relaxed);
    SAVED[from].store(stack_pointer, Relaxed);
    let mut to = (from + 1) % COUNT;
    while to != 0 && ENDED[to].load(Acquire) {
        to = (to + 1) % COUNT;
    }
    CURRENT.store(to, Relaxed);
    SWITCHES.store(SWITCHES.load(Relaxed) + u32::from(to != from), Relaxed);
    SAVED[to].load(Relaxed)
}

/// Saves what the exception has not saved, and restores that of the next thread. With the instructions of ARMv6-M,
/// which has no others for registers above r7; bit 4 of lr is clear if the thread has used floating-point registers.
///
/// # Safety
/// It is called by the exception.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn PendSV() {
    naked_asm!(
        "mrs r0, psp",
        float!("tst lr, #0x10"),
        float!("it eq"),
        float!("vstmdbeq r0!, {{s16-s31}}"),
        "subs r0, #36",
        "stmia r0!, {{r4-r7}}",
        "mov r4, r8",
        "mov r5, r9",
        "mov r6, r10",
        "mov r7, r11",
        "stmia r0!, {{r4-r7}}",
        "mov r4, lr",
        "str r4, [r0]",
        "subs r0, #32",
        "bl {switch}",
        "adds r0, #16",
        "ldmia r0!, {{r4-r7}}",
        "mov r8, r4",
        "mov r9, r5",
        "mov r10, r6",
        "mov r11, r7",
        "ldmia r0!, {{r1}}",
        "mov lr, r1",
        "mov r2, r0",
        "subs r2, #36",
        "ldmia r2!, {{r4-r7}}",
        float!("tst lr, #0x10"),
        float!("it eq"),
        float!("vldmiaeq r0!, {{s16-s31}}"),
        "msr psp, r0",
        "bx lr",
        switch = sym switch,
    )
}

/// Goes on with the same stack as a thread's. The one from here down is interrupt handlers'.
///
/// # Safety
/// No interrupt comes meanwhile, and the memory below `handlers` is a stack that nothing uses.
#[unsafe(naked)]
unsafe extern "C" fn use_thread_stack(handlers: usize) {
    naked_asm!(
        "mov r1, sp",
        "msr psp, r1",
        "mrs r1, control",
        "movs r2, #2",
        "orrs r1, r2",
        "msr control, r1",
        "isb",
        "msr msp, r0",
        "bx lr",
    )
}

/// The reverse.
///
/// # Safety
/// No interrupt comes meanwhile.
#[unsafe(naked)]
unsafe extern "C" fn use_main_stack() {
    naked_asm!(
        "mov r1, sp",
        "msr msp, r1",
        "mrs r1, control",
        "movs r2, #2",
        "bics r1, r2",
        "msr control, r1",
        "isb",
        "bx lr",
    )
}
