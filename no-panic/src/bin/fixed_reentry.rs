//! What waits for the lock that masks interrupts. The lock can panic, and says so: when it is held by who waits, which a
//! key's `Eq` can bring about.
#![no_std]
#![no_main]

use no_panic::waiting;
use twinmap::{CriticalSectionLock, FixedMap};

static MAP: FixedMap<u32, u32, 64, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        waiting(&MAP);
    }
}
