//! As `fixed`, with a map that grows.
#![no_std]
#![no_main]

use no_panic::{always_waiting, trying, waiting};
use twinmap::SyncMap;

static MAP: SyncMap<u32, u32> = SyncMap::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        trying(&MAP);
        waiting(&MAP);
        always_waiting(&MAP);
    }
}
