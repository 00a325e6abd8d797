//! What the firmwares have in common: the operations, and a panic handler that cannot be overlooked.
//!
//! They are linked, not run, and so have no start-up code: `_start` is where the linker
//! begins to look for what is needed.
#![no_std]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m as _; // For its critical section.
use twinmap::storage::Storage;
use twinmap::{FxBuildHasher, ScopedRawMutex, TwinMap};

/// It brings in no panic either.
#[path = "../../size/src/heap.rs"]
mod heap;

pub type Map<St, L> = TwinMap<u32, u32, St, L, FxBuildHasher>;

/// What never waits for the lock.
#[inline(always)]
pub fn trying<St: Storage<u32, u32>, L: ScopedRawMutex>(map: &'static Map<St, L>) {
    black_box(map.try_get(&black_box(1)).ok().flatten().as_deref());
    black_box(map.try_insert(black_box(1), black_box(2)).is_ok());
    black_box(map.try_remove(&black_box(1)).is_ok());
}

/// What may wait for it.
#[inline(always)]
pub fn waiting<St: Storage<u32, u32>, L: ScopedRawMutex>(map: &'static Map<St, L>) {
    black_box(map.get(&black_box(1)).as_deref());
    black_box(map.remove(&black_box(1)).as_deref());
    for entry in map.pin().iter() {
        black_box(entry);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    twinmap_can_panic_here()
}

/// Linked where a panic is possible. `cargo xtask test --only no-panic` knows it by its name.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn twinmap_can_panic_here() -> ! {
    loop {
        black_box(());
    }
}
