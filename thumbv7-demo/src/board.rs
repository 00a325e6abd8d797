//! The board: registers, interrupt priorities, SysTick. In a module for each: its UART, and which map the maps are.

#[cfg_attr(board = "lm3s6965evb", path = "board/lm3s6965evb.rs")]
#[cfg_attr(board = "microbit", path = "board/microbit.rs")]
mod chosen;

pub use chosen::{Map, ROOM, acknowledge_uart, init_memory, memory, receive, start_uart};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::scb::SystemHandler;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SYST};

/// A number of an external interrupt.
#[derive(Clone, Copy)]
struct Irq(u16);

// SAFETY: the numbers in use are the board's, and constant.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        self.0
    }
}

/// A device's register, by its address.
struct Register(usize);

impl Register {
    fn read(&self) -> u32 {
        // SAFETY: every `Register` of this program is one of UART0's, or of the timer
        // that stands for it: nobody else's.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    fn write(&self, value: u32) {
        // SAFETY: as in `read`; none of the registers that are written makes its device access memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

/// Gives SysTick a higher priority than the UART, and starts it.
pub fn start_ticks(mut peripherals: cortex_m::Peripherals) {
    // SAFETY: critical sections of this program mask by PRIMASK, so priorities can't break one.
    unsafe {
        peripherals.SCB.set_priority(SystemHandler::SysTick, 0x40);
        peripherals.NVIC.set_priority(chosen::UART, 0x80);
    }
    let mut tick = peripherals.SYST;
    tick.set_clock_source(SystClkSource::Core);
    tick.set_reload(chosen::TICK - 1);
    tick.clear_current();
    tick.enable_interrupt();
    tick.enable_counter();
}

/// How long ago, in ticks of its clock, SysTick's interrupt became due.
pub fn ticks_late() -> usize {
    ((chosen::TICK - SYST::get_current()) % chosen::TICK) as usize
}

pub fn unmask_uart() {
    // SAFETY: no critical section relies on this interrupt being masked.
    unsafe { NVIC::unmask(chosen::UART) };
}

/// Has the handler that masked itself run again, whether or not there are more bytes.
pub fn resume_uart() {
    NVIC::pend(chosen::UART);
    unmask_uart();
}

pub fn uart_is_masked() -> bool {
    !NVIC::is_enabled(chosen::UART)
}

pub fn mask_uart() {
    NVIC::mask(chosen::UART);
}
