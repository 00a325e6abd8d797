//! The models of the races, for `SyncMap` with `CriticalSectionLock`, over critical sections that loom can schedule.
#![cfg(all(loom, feature = "alloc", feature = "critical-section"))]

#[path = "models/growing.rs"]
mod growing;
mod models;
mod sequential;

use std::cell::RefCell;

use critical_section::RawRestoreState;
use growing::{get_or_insert, insert, update, update_or_insert};
use loom::sync::{Mutex, MutexGuard};
use models::{Hashing, Value};
use twinmap::{CriticalSectionLock, SyncMap};

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

pub type Map = SyncMap<u32, Value, CriticalSectionLock, Hashing>;

/// Whether a key goes to another table first.
pub const GROWS: bool = true;

/// How many to explore where a model asks for `wanted`: what is not about the lock is explored by the other files.
pub fn preemptions(wanted: usize) -> usize {
    wanted.min(2)
}
