//! As `empty`, with an allocator that is used. What maps that grow have more of is theirs.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use core::hint::black_box;

use cortex_m_rt::entry;
use panic_halt as _;
use size::{read, write};

#[entry]
fn main() -> ! {
    loop {
        write(*black_box(Box::new(read())));
    }
}
