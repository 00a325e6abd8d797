//! UART0, a PL011.

use super::super::{Irq, Register};

pub const UART: Irq = Irq(5);

const DATA: Register = Register(0x4000_C000);
const FLAGS: Register = Register(0x4000_C018);
const LINE_CONTROL: Register = Register(0x4000_C02C);
const CONTROL: Register = Register(0x4000_C030);
const INTERRUPT_MASK: Register = Register(0x4000_C038);
const INTERRUPT_CLEAR: Register = Register(0x4000_C044);

const RECEIVE_EMPTY: u32 = 1 << 4;
const RECEIVE_FULL: u32 = 1 << 6;
const EIGHT_BITS_AND_FIFO: u32 = 0b111 << 4;
const ENABLE: u32 = 1 | 1 << 8 | 1 << 9;
const RECEIVE_AND_TIMEOUT: u32 = 1 << 4 | 1 << 6;

/// Makes the UART receive, and interrupt when it has.
///
/// The PL011 forgets the character that it holds when its FIFO is switched on. So the sender begins with one that is
/// not part of the log, and this waits for it; until it's read or forgotten QEMU sends no other.
pub fn start_uart() {
    CONTROL.write(ENABLE);
    while FLAGS.read() & RECEIVE_FULL == 0 {}
    LINE_CONTROL.write(EIGHT_BITS_AND_FIFO);
    INTERRUPT_MASK.write(RECEIVE_AND_TIMEOUT);
}

pub fn acknowledge_uart() {
    INTERRUPT_CLEAR.write(RECEIVE_AND_TIMEOUT);
}

/// A byte that was received.
pub fn receive() -> Option<u8> {
    (FLAGS.read() & RECEIVE_EMPTY == 0).then(|| DATA.read() as u8)
}
