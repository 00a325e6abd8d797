//! An index map for one context, with twice as many slots as entries. To compare with `empty`.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;

use cortex_m_rt::entry;
use heapless::index_map::FnvIndexMap;
use panic_halt as _;
use size::{read, write};

static MAP: Alone = Alone(UnsafeCell::new(FnvIndexMap::new()));

/// For one context.
struct Alone(UnsafeCell<FnvIndexMap<u32, u32, 128>>);

// SAFETY: `main` alone uses it.
unsafe impl Sync for Alone {}

#[entry]
fn main() -> ! {
    // SAFETY: this is the only reference, and made once.
    let map = unsafe { &mut *MAP.0.get() };
    loop {
        match map.insert(read(), read()) {
            Ok(replaced) => write(replaced.unwrap_or(0)),
            Err((_, value)) => write(value),
        }
        write(map.get(&read()).copied().unwrap_or(0));
        write(map.remove(&read()).unwrap_or(0));
        for (key, value) in map.iter() {
            write(*key);
            write(*value);
        }
    }
}
