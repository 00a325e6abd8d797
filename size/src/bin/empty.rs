//! What any firmware has: the start-up code and the vector table. What `fixed` has more of is the map's.
#![no_std]
#![no_main]
#![expect(clippy::empty_loop, reason = "whatever were in it would be measured")]

use cortex_m_rt::entry;
use panic_halt as _;

#[entry]
fn main() -> ! {
    loop {}
}
