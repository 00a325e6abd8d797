//! The suite, for `SyncMap` with `SpinLock`.
#![cfg(all(feature = "alloc", not(any(loom, shuttle))))]

#[cfg(not(soon_built))]
mod growing;
mod histories;
mod sequential;
mod suite;

use suite::random;

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = true;
/// The map that the suite tests here.
pub type Lock = twinmap::SpinLock;
pub type Map<K, V, S = twinmap::FxBuildHasher> = twinmap::SyncMap<K, V, Lock, S>;
