//! A firmware whose one concern is a map: it inserts, looks up, removes and iterates.
//! `cargo xtask size` compares it with `empty`.
//!
//! There is no global allocator here, and no crate `alloc`. That this links at all is the proof that a `FixedMap`
//! allocates nothing, whichever of these is called. The step `size` of `cargo xtask test` asks for it, and for
//! hashbrown not to be among the dependencies.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use panic_halt as _;
use size::{read, write};
use twinmap::FixedMap;

/// `cargo xtask size` finds it by its name.
static MAP: FixedMap<u32, u32, 64> = FixedMap::new();

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
