//! The tests of what takes the lock, for `SyncMap`.
#![cfg(all(feature = "alloc", not(loom)))]

#[path = "locks/copy.rs"]
mod copy;
mod locks;

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = true;
pub type Map<K, V> = twinmap::SyncMap<K, V, locks::Watched>;
