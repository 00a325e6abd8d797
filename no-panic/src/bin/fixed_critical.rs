//! What does not wait, with the lock that masks interrupts.
#![no_std]
#![no_main]

use no_panic::trying;
use twinmap::{CriticalSectionLock, FixedMap};

static MAP: FixedMap<u32, u32, 64, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        trying(&MAP);
    }
}
