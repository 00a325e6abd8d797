//! Critical sections that loom can schedule.

use std::cell::RefCell;

use critical_section::RawRestoreState;
use loom::sync::{Mutex, MutexGuard};

loom::lazy_static! {
    /// One for all threads: they are the contexts of a system.
    static ref SECTION: Mutex<()> = Mutex::new(());
}

loom::thread_local! {
    /// The section that this thread is in.
    static INSIDE: RefCell<Option<MutexGuard<'static, ()>>> = RefCell::new(None);
}

struct Sections;

critical_section::set_impl!(Sections);

// SAFETY: a mutex, held from the outermost acquire to its release.
unsafe impl critical_section::Impl for Sections {
    unsafe fn acquire() -> RawRestoreState {
        let nested = INSIDE.with(|inside| inside.borrow().is_some());
        if !nested {
            let guard = SECTION.lock().unwrap();
            INSIDE.with(|inside| *inside.borrow_mut() = Some(guard));
        }
        nested
    }

    unsafe fn release(nested: RawRestoreState) {
        if !nested {
            let guard = INSIDE.with(|inside| inside.borrow_mut().take());
            drop(guard);
        }
    }
}
