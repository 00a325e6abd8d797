//! The suite, for `FixedMap` with `CriticalSectionLock`.
#![cfg(all(feature = "heapless", feature = "critical-section", not(any(loom, shuttle, soon_built))))]

mod capacity;
mod fixed;
mod histories;
mod sequential;
mod suite;

use suite::random;

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = false;
/// The map that the suite tests here.
pub type Lock = twinmap::CriticalSectionLock;
pub type Map<K, V, S = twinmap::FxBuildHasher> = fixed::Map<K, V, Lock, S>;
