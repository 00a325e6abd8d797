//! What may wait for the lock that masks interrupts, in a map that grows. The lock can panic, and says so: when it is
//! held by who waits, which a key's `Eq` can bring about.
#![no_std]
#![no_main]

use no_panic::waiting;
use twinmap::{CriticalSectionLock, SyncMap};

static MAP: SyncMap<u32, u32, CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        waiting(&MAP);
    }
}
