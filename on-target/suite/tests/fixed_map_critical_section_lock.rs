//! The suite of the host's tests, for `FixedMap` with `CriticalSectionLock`.
#![no_std]
#![no_main]

#[macro_use]
extern crate on_target as std;

#[path = "../../../tests/capacity/mod.rs"]
mod capacity;
#[path = "../../../tests/fixed/mod.rs"]
mod fixed;
#[path = "../../../tests/suite/mod.rs"]
mod suite;

pub const GROWS: bool = false;
pub type Lock = twinmap::CriticalSectionLock;
pub type Map<K, V, S = twinmap::FxBuildHasher> = fixed::Map<K, V, Lock, S>;
