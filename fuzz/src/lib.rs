//! Sequences of operations on four maps, compared with a model: what the two fuzz targets share.

#[path = "../../tests/suite/alloc.rs"]
pub mod alloc;
mod held;
mod item;
pub mod script;
mod session;
#[path = "../../tests/suite/tracked.rs"]
mod tracked;
mod view;

use twinmap::{CriticalSectionLock, SpinLock};

use crate::item::{may_panic, set_hash_bytes, with_fuse};
use crate::script::Script;
use crate::session::run_on;
use crate::view::{Fixed, Growing};

/// Runs an input on each map; panics when one of them does not what the model does. (A lock does not change what a map
/// does: the two fixed ones also differ in their size.)
pub fn run<const FAULTS: bool>(script: &Script<FAULTS>) {
    set_hash_bytes(script.hash_bytes);
    // The first panic allocates something that stays.
    assert!(!with_fuse(0, may_panic));
    run_on::<Growing, SpinLock>(&script.steps);
    run_on::<Growing, CriticalSectionLock>(&script.steps);
    run_on::<Fixed<4, 2>, SpinLock>(&script.steps);
    run_on::<Fixed<10, 4>, CriticalSectionLock>(&script.steps);
}
