//! A key that all hash alike and whose `Eq` can be made to call something: with it a test gets under the lock.
//! Other keys can call it as well.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

#[derive(Clone, Copy, Debug, Eq)]
pub struct Collide(pub u32);

impl Hash for Collide {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(7);
    }
}

thread_local! {
    static ON_EQ: Cell<Option<*const dyn Fn()>> = const { Cell::new(None) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

impl PartialEq for Collide {
    fn eq(&self, other: &Self) -> bool {
        call_hook();
        self.0 == other.0
    }
}

/// What an `Eq` does first. (Not for the comparisons that the hook brings about.)
pub fn call_hook() {
    if let Some(hook) = ON_EQ.take() {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: `on_eq` keeps the closure as long as the pointer to it is there.
        unsafe { (*hook)() };
        ON_EQ.set(Some(hook));
    }
}

/// Runs `f`, in which each comparison of two keys calls `hook`. There has to be one.
#[track_caller]
pub fn on_eq<R>(hook: impl Fn(), f: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            ON_EQ.take();
        }
    }

    let hook: *const (dyn Fn() + '_) = &hook;
    // SAFETY: only the lifetime is changed; `Reset` takes the pointer away before the closure goes.
    let hook: *const (dyn Fn() + 'static) = unsafe { std::mem::transmute(hook) };
    CALLS.set(0);
    ON_EQ.set(Some(hook));
    let _reset = Reset;
    let result = f();
    assert_ne!(CALLS.get(), 0, "no comparison");
    result
}
