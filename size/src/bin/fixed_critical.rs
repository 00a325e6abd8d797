//! As `fixed`, with the lock that masks interrupts.
#![no_std]
#![no_main]

use cortex_m as _; // For its critical section.
use cortex_m_rt::entry;
use panic_halt as _;
use size::{read, write};
use twinmap::{CriticalSectionLock, FixedMap};

static MAP: FixedMap<u32, u32, 64, CriticalSectionLock> = FixedMap::with_lock(CriticalSectionLock::new());

#[entry]
fn main() -> ! {
    loop {
        match MAP.insert(read(), read()) {
            Ok(replaced) => write(replaced.map_or(0, |value| *value)),
            Err(rejected) => write(rejected.value),
        }
        write(MAP.get(&read()).map_or(0, |value| *value));
        write(MAP.remove(&read()).map_or(0, |value| *value));
        for (key, value) in MAP.pin().iter() {
            write(*key);
            write(*value);
        }
    }
}
