//! Runs operations of maps between markers, at which a plugin of QEMU's counts instructions: `cargo xtask bench-mcu`.
//!
//! What comes next is printed, a line for each row of figures; `marker` says how the rig knows which count is whose.
#![no_std]
#![no_main]

mod calibration;
mod heap;
mod marker;
mod plain;
mod subject;
mod twin;
mod workload;

use cortex_m as _; // For its critical section.
use cortex_m_rt::entry;
use hashbrown::HashMap;
use heapless::index_map::FnvIndexMap;
use semihosting::process;
use twinmap::{CriticalSectionLock, FixedMap, FxBuildHasher, SpinLock, SyncMap};

use crate::plain::{Bare, Masked, Spinning};

type Hashbrown = HashMap<u32, u32, FxBuildHasher>;

#[entry]
fn main() -> ! {
    heap::init();
    calibration::run();
    // An index map's slots are a power of two, and it is slow when they are nearly all taken: as many again as entries.
    of_size::<16, 32>();
    of_size::<64, 128>();
    of_size::<256, 512>();
    process::exit(0)
}

fn of_size<const N: usize, const SLOTS: usize>() {
    let size = N as u32;
    workload::run::<SyncMap<u32, u32, SpinLock>>("SyncMap/SpinLock", size);
    workload::run::<SyncMap<u32, u32, CriticalSectionLock>>("SyncMap/CriticalSectionLock", size);
    workload::run::<FixedMap<u32, u32, N, SpinLock>>("FixedMap/SpinLock", size);
    workload::run::<FixedMap<u32, u32, N, CriticalSectionLock>>("FixedMap/CriticalSectionLock", size);
    workload::run::<Masked<FnvIndexMap<u32, u32, SLOTS>>>("critical_section/FnvIndexMap", size);
    workload::run::<Spinning<Hashbrown>>("spin/HashMap", size);
    workload::run::<Bare<FnvIndexMap<u32, u32, SLOTS>>>("bare/FnvIndexMap", size);
    workload::run::<Bare<Hashbrown>>("bare/HashMap", size);
}
