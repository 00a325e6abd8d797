//! The suite, for `SyncMap` with `SpinLock`.
#![cfg(all(feature = "alloc", not(loom)))]

mod suite;

/// The map that the suite tests here.
pub type Lock = twinmap::SpinLock;
pub type Map<K, V, S = twinmap::FxBuildHasher> = twinmap::SyncMap<K, V, Lock, S>;
