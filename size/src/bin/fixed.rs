//! A firmware whose one concern is a map: it inserts, looks up, removes and iterates. `cargo xtask size` compares it with
//! `empty`.
//!
//! There is no global allocator here, and no crate `alloc`. That this links at all is the proof that a `FixedMap`
//! allocates nothing, whichever of these is called. The step `size` of `cargo xtask test` asks for it, and for hashbrown
//! not to be among the dependencies.
#![no_std]
#![no_main]

use core::ptr;

use cortex_m_rt::entry;
use panic_halt as _;
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

/// The data register of some peripheral: the optimiser can't know what it reads as, nor leave a write to it out.
const REGISTER: usize = 0x4000_C000;

#[inline(always)]
fn read() -> u32 {
    // SAFETY: an aligned word in the address range of the peripherals, where no object of Rust's is.
    unsafe { ptr::with_exposed_provenance::<u32>(REGISTER).read_volatile() }
}

#[inline(always)]
fn write(word: u32) {
    // SAFETY: as in `read`.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(REGISTER).write_volatile(word) };
}
