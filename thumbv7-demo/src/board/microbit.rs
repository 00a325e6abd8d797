//! The micro:bit's nRF51822, a Cortex-M0: 16 KiB of RAM, no heap, no compare-and-swap. QEMU's has a SysTick.

use twinmap::{CriticalSectionLock, FixedMap};

use super::{Irq, Register};

/// Has all of its memory inside: for `N` keys, and [`SPARE`] values that were replaced while somebody reads.
pub type Map<V, const N: usize> = FixedMap<u32, V, N, CriticalSectionLock, SPARE>;

/// For what SysTick tells of the subscriptions at two ticks, should both interrupt one lookup of main's; and for the
/// frames that come while main looks through the cache. If they are more than that, the UART has to wait.
const SPARE: usize = 24;

/// What is full when a frame finds no memory.
pub const ROOM: &str = "the map";

/// Ten milliseconds at 16 MHz. A tick takes the best part of one, and a multiple of that when memory is short.
pub const TICK: u32 = 160_000;

pub const UART: Irq = Irq(2);

const START_RECEIVER: Register = Register(0x4000_2000);
const RECEIVED: Register = Register(0x4000_2108);
const INTERRUPT_ENABLE: Register = Register(0x4000_2304);
const ENABLE: Register = Register(0x4000_2500);
const DATA: Register = Register(0x4000_2518);

const ENABLED: u32 = 4;
const WHEN_RECEIVED: u32 = 1 << 2;

/// Makes the UART receive, and interrupt when it has. QEMU's needs neither pins nor a baud rate.
///
/// The sender begins with a character that is not part of the log, whatever the board; this waits for it.
pub fn start_uart() {
    ENABLE.write(ENABLED);
    START_RECEIVER.write(1);
    while receive().is_none() {}
    INTERRUPT_ENABLE.write(WHEN_RECEIVED);
}

/// [`receive`] does it.
pub fn acknowledge_uart() {}

/// A byte that was received. The event is cleared first: reading brings the FIFO's next byte, which sets it again.
pub fn receive() -> Option<u8> {
    if RECEIVED.read() == 0 {
        return None;
    }
    RECEIVED.write(0);
    Some(DATA.read() as u8)
}

/// The maps are in `.bss`.
pub fn init_memory() {}

/// How much memory the maps need, which is their size of `maps` bytes: what, how much, and of what.
pub fn memory(maps: usize) -> (&'static str, usize, &'static str) {
    ("maps", maps, "bytes, all in .bss: there is no heap")
}
