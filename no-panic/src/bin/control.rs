//! A firmware that can panic, for the check to find.
#![no_std]
#![no_main]

use core::hint::black_box;

use no_panic as _;

static MAP: [u32; 2] = [1, 2];

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        black_box(&MAP[black_box(2)]);
    }
}
