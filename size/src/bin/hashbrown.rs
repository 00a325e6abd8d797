//! A map that grows, for one context. To compare with `empty_heap`.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;

use cortex_m_rt::entry;
use hashbrown::HashMap;
use panic_halt as _;
use size::{read, write};
use twinmap::FxBuildHasher;

static MAP: Alone = Alone(UnsafeCell::new(HashMap::with_hasher(FxBuildHasher)));

/// For one context.
struct Alone(UnsafeCell<HashMap<u32, u32, FxBuildHasher>>);

// SAFETY: `main` alone uses it.
unsafe impl Sync for Alone {}

#[entry]
fn main() -> ! {
    // SAFETY: this is the only reference, and made once.
    let map = unsafe { &mut *MAP.0.get() };
    loop {
        write(map.insert(read(), read()).unwrap_or(0));
        write(map.get(&read()).copied().unwrap_or(0));
        write(map.remove(&read()).unwrap_or(0));
        for (key, value) in map.iter() {
            write(*key);
            write(*value);
        }
    }
}
