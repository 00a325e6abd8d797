//! Threads that preempt each other use one map. That is as with cores, but that a thread may stand still for
//! long, pinned, or in the midst of an operation, or with the lock. Each counts in variables of its own, and in
//! the end the map must have the sums.
//!
//! It takes a clock that counts instructions (-icount): then slices end at any of them,
//! and at the same ones in each run.
#![no_std]
#![no_main]

#[cfg_attr(target_arch = "arm", macro_use)]
extern crate on_target as std;

#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;

/// The switch from one thread to another is written for Cortex-M.
#[cfg(target_arch = "arm")]
#[path = "threads/slices.rs"]
mod slices;
