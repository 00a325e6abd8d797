//! Boards with several cores, and those with one.

/// More cores than any board has are not started.
pub const MOST: usize = if cfg!(not(cores)) {
    1
} else if cfg!(target_arch = "arm") {
    2
} else {
    4
};

#[cfg(cores)]
#[cfg_attr(target_arch = "arm", path = "cores/mps2_an521.rs")]
#[cfg_attr(target_arch = "riscv32", path = "cores/virt.rs")]
mod board;

#[cfg(cores)]
pub use all::run;
#[cfg(cores)]
pub use board::{count, id, pass_turn};

/// The number of the core that asks, from 0.
#[cfg(not(cores))]
pub fn id() -> usize {
    0
}

/// One piece of work after the other, on all cores together.
#[cfg(cores)]
mod all {
    use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

    use super::board;

    /// What each core does, given its number.
    type Work<'a> = &'a (dyn Fn(usize) + Sync);

    /// Leads to the work.
    static WORK: AtomicPtr<Work> = AtomicPtr::new(core::ptr::null_mut());
    /// How many pieces there have been.
    static PIECES: AtomicUsize = AtomicUsize::new(0);
    /// How many of the other cores have done the latest.
    static DONE: AtomicUsize = AtomicUsize::new(0);

    /// Calls `work` on every core, with the core's number, and returns when all have returned from it. Who is done
    /// sleeps. The first core calls this.
    ///
    /// Interrupts are enabled there; who starts its core's timer stops it. A panic on any core ends the image.
    pub fn run(work: Work) {
        assert_eq!(board::id(), 0, "the others do what the first says");
        let others = board::count() - 1;
        let mut work_there = work;
        WORK.store((&raw mut work_there).cast(), Relaxed);
        DONE.store(0, Relaxed);
        // Release: pairs with the Acquire in `others`, which sees the above and all that this core has done.
        PIECES.fetch_add(1, Release);
        board::wake_others();
        work(0);
        // Acquire: pairs with the Release in `others`.
        while DONE.load(Acquire) != others {
            board::pass_turn();
        }
    }

    /// What the other cores do, for ever.
    pub fn others() -> ! {
        let mut pieces = 0;
        loop {
            if PIECES.load(Acquire) == pieces {
                board::sleep();
                continue;
            }
            pieces += 1;
            // SAFETY: `run` lends it until all are done.
            let work = unsafe { *WORK.load(Relaxed) };
            work(board::id());
            DONE.fetch_add(1, Release);
        }
    }
}
