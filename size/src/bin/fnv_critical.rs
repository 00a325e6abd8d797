//! As `fnv`, in a mutex that masks interrupts.
#![no_std]
#![no_main]

use core::cell::RefCell;

use cortex_m as _; // For its critical section.
use cortex_m_rt::entry;
use critical_section::{Mutex, with};
use heapless::index_map::FnvIndexMap;
use panic_halt as _;
use size::{read, write};

static MAP: Mutex<RefCell<FnvIndexMap<u32, u32, 128>>> = Mutex::new(RefCell::new(FnvIndexMap::new()));

#[entry]
fn main() -> ! {
    loop {
        match with(|section| MAP.borrow_ref_mut(section).insert(read(), read())) {
            Ok(replaced) => write(replaced.unwrap_or(0)),
            Err((_, value)) => write(value),
        }
        write(with(|section| MAP.borrow_ref(section).get(&read()).copied()).unwrap_or(0));
        write(with(|section| MAP.borrow_ref_mut(section).remove(&read())).unwrap_or(0));
        with(|section| {
            for (key, value) in MAP.borrow_ref(section).iter() {
                write(*key);
                write(*value);
            }
        });
    }
}
