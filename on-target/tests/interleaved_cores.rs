//! Another core's operation at every instruction of each operation.
//!
//! The cores take turns (-icount). The first one's timer is set to 1, 2, 3, ... ticks, until the operation ends first;
//! its interrupt passes the turn, the second core performs its own operation from beginning to end, and passes it
//! back. So it is also repeatable.
#![no_std]
#![no_main]

#[cfg_attr(not(cores), allow(unused_imports))] // Then there are no tests.
#[macro_use]
extern crate on_target as std;

#[cfg(cores)]
#[path = "cores/hold.rs"]
mod hold;
#[cfg(cores)]
#[path = "cores/one_stop.rs"]
mod one_stop;
#[cfg(cores)]
#[path = "interrupts/orders.rs"]
mod orders;
#[cfg(cores)]
#[path = "interrupts/serial.rs"]
mod serial;
#[cfg(cores)]
#[allow(dead_code)] // For other images as well.
mod subject;
#[cfg(cores)]
#[path = "cores/turns.rs"]
mod turns;
#[cfg(cores)]
#[path = "cores/two_stops.rs"]
mod two_stops;

#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;
