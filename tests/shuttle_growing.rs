//! Schedules at random of larger scenarios, for `SyncMap`.
#![cfg(all(shuttle, feature = "alloc"))]

mod histories;
#[path = "suite/random.rs"]
mod random;
mod schedules;
mod sequential;

pub type Map<K, V, S = twinmap::FxBuildHasher> = twinmap::SyncMap<K, V, schedules::Lock, S>;
