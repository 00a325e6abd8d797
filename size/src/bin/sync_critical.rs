//! As `sync`, with the lock that masks interrupts.
#![no_std]
#![no_main]

use cortex_m as _; // For its critical section.
use cortex_m_rt::entry;
use panic_halt as _;
use size::{read, write};
use twinmap::{CriticalSectionLock, SyncMap};

static MAP: SyncMap<u32, u32, CriticalSectionLock> = SyncMap::with_lock(CriticalSectionLock::new());

#[entry]
fn main() -> ! {
    loop {
        write(MAP.insert(read(), read()).map_or(0, |value| *value));
        write(MAP.get(&read()).map_or(0, |value| *value));
        write(MAP.remove(&read()).map_or(0, |value| *value));
        for (key, value) in MAP.pin().iter() {
            write(*key);
            write(*value);
        }
    }
}
