//! Schedules at random of larger scenarios, for `FixedMap`.
#![cfg(all(shuttle, feature = "heapless"))]

mod fixed;
mod histories;
#[path = "suite/random.rs"]
mod random;
mod schedules;
mod sequential;

pub type Map<K, V, S = twinmap::FxBuildHasher> = fixed::Map<K, V, schedules::Lock, S>;
