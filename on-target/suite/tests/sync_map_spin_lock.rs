//! The suite of the host's tests, for `SyncMap` with `SpinLock`.
#![no_std]
#![no_main]

#[macro_use]
extern crate on_target as std;

#[path = "../../../tests/growing/mod.rs"]
mod growing;
#[path = "../../../tests/suite/mod.rs"]
mod suite;

pub const GROWS: bool = true;
pub type Lock = twinmap::SpinLock;
pub type Map<K, V, S = twinmap::FxBuildHasher> = twinmap::SyncMap<K, V, Lock, S>;
