//! Where interrupts came.

use std::vec::Vec;
use std::{note, timer};

pub struct Points {
    /// Sorted.
    addresses: Vec<usize>,
    inside: u32,
    /// Of these, how many were masked when they were due.
    masked: u32,
    /// How soon an interrupt comes that nothing delays, in ticks.
    soonest: u32,
    /// What an instruction lasts, in ticks, rounded down.
    step: u32,
}

impl Points {
    pub fn none() -> Self {
        Self {
            addresses: Vec::with_capacity(2_500),
            inside: 0,
            masked: 0,
            soonest: u32::MAX,
            step: timer::instruction(),
        }
    }

    /// Adds the interrupt that just came, in the midst of an operation. Returns how many ticks later the next one is to
    /// come: at the next instruction, or where interrupts are masked, after these.
    pub fn add(&mut self) -> u32 {
        let at = timer::interrupted_at();
        if let Err(index) = self.addresses.binary_search(&at) {
            assert!(
                self.addresses.len() < self.addresses.capacity(),
                "an operation of more instructions than expected"
            );
            self.addresses.insert(index, at);
        }
        self.inside += 1;
        self.soonest = self.soonest.min(timer::late());
        // An instruction is how far the moment that is due lies from the next one at most; and a
        // tick or two are lost in rounding.
        let masked = (timer::late() - self.soonest).saturating_sub(2 * self.step);
        self.masked += u32::from(masked > 0);
        self.step + masked
    }

    /// Prints what there was.
    pub fn report(&self) {
        let Self { addresses, inside, masked, .. } = self;
        note!("interrupted {inside} times, at {} addresses; {masked} times it had to wait", addresses.len());
    }

    /// How many interrupts were masked when they were due.
    pub fn masked(&self) -> u32 {
        self.masked
    }
}
