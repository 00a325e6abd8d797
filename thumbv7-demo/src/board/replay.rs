//! In the place of UART0, for the comparison: a timer that interrupts as often as the UART would, and
//! a file of the host's that has the bytes. Nothing depends on the host's time, so that a run is the
//! same each time, to the instruction.

use core::mem::ManuallyDrop;

use portable_atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use semihosting::fd::OwnedFd;
use semihosting::fs::File;
use semihosting::io::Read;

use super::super::{Irq, Register};

/// The timer's.
pub const UART: Irq = Irq(19);

/// From the repository's root, where `cargo xtask demo` runs QEMU.
const LOG: &core::ffi::CStr = c"thumbv7-demo/log/drive.log";

/// With [`PERIOD`], the bytes of a bus time of eight seconds come in as many, unless they have to wait.
const BYTES: usize = 8;

/// Of the 12.5 MHz clock. It is no divisor of SysTick's period: each meets the other everywhere.
const PERIOD: u32 = 1913;

const MODE: Register = Register(0x4003_0004);
const CONTROL: Register = Register(0x4003_000C);
const INTERRUPT_MASK: Register = Register(0x4003_0018);
const INTERRUPT_STATUS: Register = Register(0x4003_0020);
const INTERRUPT_CLEAR: Register = Register(0x4003_0024);
const INTERVAL: Register = Register(0x4003_0028);

const PERIODIC: u32 = 2;
const TIMEOUT: u32 = 1;
const ENABLE: u32 = 1;

static FILE: AtomicI32 = AtomicI32::new(-1);

/// How many bytes may be read until the next interrupt.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// Opens the log and starts the timer.
pub fn start_uart() {
    let Ok(file) = File::open(LOG) else { panic!("cannot open {LOG:?}") };
    FILE.store(OwnedFd::from(file).into_raw_fd(), Relaxed);
    MODE.write(PERIODIC);
    INTERVAL.write(PERIOD);
    INTERRUPT_MASK.write(TIMEOUT);
    CONTROL.write(ENABLE);
}

/// The handler also runs when main has it go on: that brings nothing new.
pub fn acknowledge_uart() {
    if INTERRUPT_STATUS.read() & TIMEOUT != 0 {
        INTERRUPT_CLEAR.write(TIMEOUT);
        LEFT.store(BYTES, Relaxed);
    }
}

/// A byte that was received.
pub fn receive() -> Option<u8> {
    LEFT.store(LEFT.load(Relaxed).checked_sub(1)?, Relaxed);
    // SAFETY: the file is open, and it stays so.
    let mut file = ManuallyDrop::new(File::from(unsafe { OwnedFd::from_raw_fd(FILE.load(Relaxed)) }));
    let mut byte = [0];
    matches!(file.read(&mut byte), Ok(1)).then_some(byte[0])
}
