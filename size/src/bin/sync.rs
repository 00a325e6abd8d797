//! As `fixed`, with a map that grows. To compare with `empty_heap`.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use panic_halt as _;
use size::{read, write};
use twinmap::SyncMap;

static MAP: SyncMap<u32, u32> = SyncMap::new();

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
