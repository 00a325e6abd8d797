//! What the firmwares have in common.
#![no_std]

use core::ptr;

#[cfg(feature = "others")]
pub mod heap;

/// The data register of some peripheral: the optimiser can't know what it reads as, nor leave a write to it out.
const REGISTER: usize = 0x4000_C000;

#[inline(always)]
pub fn read() -> u32 {
    // SAFETY: an aligned word in the address range of the peripherals, where no object of Rust's is.
    unsafe { ptr::with_exposed_provenance::<u32>(REGISTER).read_volatile() }
}

#[inline(always)]
pub fn write(word: u32) {
    // SAFETY: as in `read`.
    unsafe { ptr::with_exposed_provenance_mut::<u32>(REGISTER).write_volatile(word) };
}
