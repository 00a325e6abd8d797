//! A global allocator that counts for each thread, so that tests do not disturb each
//! other, and that can be made to fail.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

#[global_allocator]
static ALLOCATOR: PerThread = PerThread;

struct PerThread;

thread_local! {
    static USAGE: Cell<Usage> = const { Cell::new(Usage { allocations: 0, frees: 0, bytes: 0 }) };
    static FAIL: Cell<Fail> = const { Cell::new(Fail::Never) };
}

/// What this thread has done since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub allocations: usize,
    pub frees: usize,
    /// Allocated minus freed.
    pub bytes: isize,
}

#[derive(Clone, Copy)]
enum Fail {
    Never,
    /// Let `n` succeed first.
    After {
        n: usize,
        one: bool,
    },
    Always,
    /// The one failed.
    Done,
}

pub fn usage() -> Usage {
    USAGE.get()
}

impl Usage {
    /// Allocations that are live, of those made since `before`.
    pub fn live_since(self, before: Usage) -> isize {
        let live = |usage: Usage| usage.allocations as isize - usage.frees as isize;
        live(self) - live(before)
    }
}

/// Runs `f` with the `n`-th allocation of this thread failing, counted from 0, and all that follow unless it is to be
/// only `one`. Also returns whether it came to that.
pub fn failing_nth<R>(n: usize, one: bool, f: impl FnOnce() -> R) -> (R, bool) {
    FAIL.set(Fail::After { n, one });
    let result = f();
    let failed = !matches!(FAIL.replace(Fail::Never), Fail::After { .. });
    (result, failed)
}

/// Runs `f` without any memory for this thread.
pub fn failing_always<R>(f: impl FnOnce() -> R) -> R {
    failing_nth(0, false, f).0
}

fn fails() -> bool {
    let (fails, next) = match FAIL.get() {
        Fail::After { n: 0, one } => (true, if one { Fail::Done } else { Fail::Always }),
        Fail::After { n, one } => (false, Fail::After { n: n - 1, one }),
        Fail::Always => (true, Fail::Always),
        other => (false, other),
    };
    FAIL.set(next);
    fails
}

fn record(allocations: usize, frees: usize, bytes: isize) {
    let usage = USAGE.get();
    USAGE.set(Usage {
        allocations: usage.allocations + allocations,
        frees: usage.frees + frees,
        bytes: usage.bytes + bytes,
    });
}

// SAFETY: it is `System`, but for failures, which an allocator may have. The thread's state needs no allocation and no
// destructor. (`realloc` is the provided one, which calls these.)
unsafe impl GlobalAlloc for PerThread {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if fails() {
            return ptr::null_mut();
        }
        record(1, 0, layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        record(0, 1, -(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}
