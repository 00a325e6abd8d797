//! Three interrupts of the NVIC, which no device of the boards uses. SysTick is above them.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

use crate::timer;

pub const HIGHEST: usize = 3;

/// The number of the lowest one.
const FIRST: usize = 20;

/// The interrupt of a priority.
#[derive(Clone, Copy)]
struct Irq(usize);

// SAFETY: each board has an interrupt of this number, and it stays the same.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        (FIRST + self.0 - 1) as u16
    }
}

pub fn start() {
    // SAFETY: nothing else uses these interrupts, and no critical section relies on priorities.
    unsafe {
        let mut peripherals = cortex_m::Peripherals::steal();
        for priority in 1..=HIGHEST {
            // The upper two bits are those that every core has. 0, the most urgent, is the timer's.
            peripherals.NVIC.set_priority(Irq(priority), 0xC0 - 0x40 * (priority as u8 - 1));
            NVIC::unpend(Irq(priority));
            NVIC::unmask(Irq(priority));
        }
    }
    timer_interrupt();
}

pub fn stop() {
    for priority in 1..=HIGHEST {
        NVIC::mask(Irq(priority));
    }
}

/// Has the interrupt come as soon as nothing of its priority, or of a higher one, runs.
pub fn pend(priority: usize) {
    NVIC::pend(Irq(priority));
}

fn timer_interrupt() {
    let (ticks, priority) = super::next();
    pend(priority);
    timer::once(ticks, timer_interrupt);
}

/// All interrupts come here, for there is no table of the devices'.
#[cortex_m_rt::exception]
unsafe fn DefaultHandler(number: i16) {
    let priority = (number as usize).wrapping_sub(FIRST - 1);
    assert!((1..=HIGHEST).contains(&priority), "interrupt {number}, which nobody enabled");
    super::handle(priority);
}
