//! What does not wait for the lock that masks interrupts: here that is all but inserting a new key, `promote` and `clear`.
#![no_std]
#![no_main]

use no_panic::{trying, waiting};
use twinmap::{CriticalSectionLock, FixedMap};

static MAP: FixedMap<u32, u32, 64, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        trying(&MAP);
        waiting(&MAP);
    }
}
