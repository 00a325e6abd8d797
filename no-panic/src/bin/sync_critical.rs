//! What does not wait, with the lock that masks interrupts, in a map that grows.
#![no_std]
#![no_main]

use no_panic::trying;
use twinmap::{CriticalSectionLock, SyncMap};

static MAP: SyncMap<u32, u32, CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        trying(&MAP);
    }
}
