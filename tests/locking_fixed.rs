//! The tests of what takes the lock, for `FixedMap`.
#![cfg(all(feature = "heapless", not(loom)))]

mod fixed;
mod locks;

/// Whether the map finds memory as long as the allocator has some.
pub const GROWS: bool = false;
pub type Map<K, V> = fixed::Map<K, V, locks::Watched>;
