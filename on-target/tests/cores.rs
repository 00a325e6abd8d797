//! All cores at once on one map: in parallel, so that any two steps may meet, and nobody says which.
//!
//! Nothing here depends on how fast the cores are: those that others wait for go on until all have seen enough.
#![no_std]
#![no_main]

#[cfg_attr(not(cores), allow(unused_imports))] // Then there are no tests.
#[macro_use]
extern crate on_target as std;

#[cfg(cores)]
#[path = "cores/crowd.rs"]
mod crowd;
#[cfg(cores)]
#[path = "cores/held.rs"]
mod held;
#[cfg(cores)]
#[path = "cores/hold.rs"]
mod hold;
#[cfg(cores)]
#[allow(dead_code)] // For other images as well.
mod subject;

#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;
