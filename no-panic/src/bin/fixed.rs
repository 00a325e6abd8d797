//! What can be called through a shared reference, with the lock that is the default.
#![no_std]
#![no_main]

use no_panic::{always_waiting, storing, trying, waiting};
use twinmap::FixedMap;

static MAP: FixedMap<u32, u32, 64> = FixedMap::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        trying(&MAP);
        waiting(&MAP);
        always_waiting(&MAP);
        storing(&MAP);
    }
}
