//! As `hashbrown`, in a spinlock.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use hashbrown::HashMap;
use panic_halt as _;
use size::{read, write};
use spin::Mutex;
use twinmap::FxBuildHasher;

static MAP: Mutex<HashMap<u32, u32, FxBuildHasher>> = Mutex::new(HashMap::with_hasher(FxBuildHasher));

#[entry]
fn main() -> ! {
    loop {
        write(MAP.lock().insert(read(), read()).unwrap_or(0));
        write(MAP.lock().get(&read()).copied().unwrap_or(0));
        write(MAP.lock().remove(&read()).unwrap_or(0));
        for (key, value) in MAP.lock().iter() {
            write(*key);
            write(*value);
        }
    }
}
