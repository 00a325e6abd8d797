//! What the firmwares have in common: the operations, and a panic handler that cannot be overlooked.
//!
//! They are linked, not run, and so have no start-up code: `_start` is where the linker
//! begins to look for what is needed.
#![no_std]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m as _; // For its critical section.
use twinmap::storage::Storage;
use twinmap::{FixedMap, FxBuildHasher, ScopedRawMutex, TwinMap};

/// It brings in no panic either.
#[path = "../../size/src/heap.rs"]
mod heap;

pub type Map<St, L> = TwinMap<u32, u32, St, L, FxBuildHasher>;

/// What never waits for the lock.
#[inline(always)]
pub fn trying<St: Storage<u32, u32>, L: ScopedRawMutex>(map: &'static Map<St, L>) {
    black_box(map.try_get(&black_box(1)).ok().flatten().as_deref());
    black_box(map.try_insert(black_box(1), black_box(2)).is_ok());
    black_box(map.try_update_or_insert(black_box(1), |value| *value, black_box(2)).is_ok());
    black_box(map.try_remove(&black_box(1)).is_ok());
    map.reclaim();
    black_box((map.len(), map.garbage(), map.stats()));
}

/// What may wait for it in a map that grows, and in no other one.
#[inline(always)]
pub fn waiting<St: Storage<u32, u32>, L: ScopedRawMutex>(map: &'static Map<St, L>) {
    black_box(map.get(&black_box(1)).as_deref());
    black_box(map.remove(&black_box(1)).as_deref());
    for entry in map.pin().iter() {
        black_box(entry);
    }
    let pin = map.pin();
    black_box(pin.compare_exchange(&black_box(1), &black_box(2), black_box(3)).is_ok());
    black_box(pin.remove_if(&black_box(1), |value| black_box(*value) == 0));
    pin.retain(|_, value| black_box(*value) == 0);
}

/// What may wait for it in each.
#[inline(always)]
pub fn always_waiting<St: Storage<u32, u32>, L: ScopedRawMutex>(map: &'static Map<St, L>) {
    map.promote();
    map.clear();
}

/// What a map of a fixed capacity has in its own way: it returns an error if there is no room.
#[inline(always)]
pub fn storing<L: ScopedRawMutex>(map: &'static FixedMap<u32, u32, 64, L>) {
    black_box(map.insert(black_box(1), black_box(2)).is_ok());
    black_box(map.get_or_insert(black_box(1), black_box(2)).is_ok());
    black_box(map.update(&black_box(1), |value| *value).is_ok());
    black_box(map.update_or_insert(black_box(1), |value| *value, black_box(2)).is_ok());
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
