//! What the counting plugin writes down: which event was at which instruction. And what comes of
//! some: whether interrupts are masked.

use anyhow::{Context, Result, bail, ensure};

/// The number of the last event.
const EXIT: u8 = 255;

/// The number of what is no event: an instruction's address, where each is wanted.
pub const ADDRESS: u8 = 1;

/// What may happen at an instruction: benches/mcu/plugin/count.c and benches/mcu/src/marker.rs have the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Row,
    Begin,
    End,
    Allocator,
    Aside,
    Resume,
    ReadMask,
    WriteMask,
    Mask,
    Unmask,
    Exit,
}

impl Event {
    pub fn new(kind: u8) -> Result<Self> {
        Ok(match kind {
            8 => Self::Row,
            9 => Self::Begin,
            10 => Self::End,
            11 => Self::Allocator,
            12 => Self::Aside,
            13 => Self::Resume,
            16 => Self::ReadMask,
            17 => Self::WriteMask,
            18 => Self::Mask,
            19 => Self::Unmask,
            EXIT => Self::Exit,
            _ => bail!("no event has the number {kind}"),
        })
    }
}

/// Whether interrupts are masked, by what is done to PRIMASK. (Between reading it and masking, an interrupt may come:
/// its handler leaves it as it was.)
#[derive(Default)]
pub struct Primask {
    masked: bool,
    /// What it was, for each that has read it and has not written it back.
    saved: Vec<bool>,
}

impl Primask {
    /// Whether they are masked after `event`.
    pub fn follow(&mut self, event: Event) -> Result<bool> {
        match event {
            Event::ReadMask => self.saved.push(self.masked),
            // What is written is what was read: the value itself the plugin can't see.
            Event::WriteMask => {
                self.masked = self.saved.pop().context("PRIMASK is written without having been read")?;
            }
            Event::Mask => self.masked = true,
            Event::Unmask => {
                self.saved.clear();
                self.masked = false;
            }
            event => bail!("{event:?} is not for PRIMASK"),
        }
        Ok(self.masked)
    }

    /// Whether all that was read is written back.
    pub fn is_settled(&self) -> bool {
        self.saved.is_empty()
    }
}

/// The trace in words: what happened, and at which instruction.
pub fn events(trace: &[u8]) -> Result<Vec<(Event, u64)>> {
    words(trace)?.map(|(kind, instruction)| Ok((Event::new(kind)?, instruction))).collect()
}

/// The trace in words: the number of what happened, and at which instruction.
pub fn words(trace: &[u8]) -> Result<impl Iterator<Item = (u8, u64)>> {
    let (words, rest) = trace.as_chunks::<8>();
    let word = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        ((word >> 56) as u8, word & ((1 << 56) - 1))
    };
    let words = words.iter().map(word);
    ensure!(rest.is_empty() && words.clone().next_back().is_some_and(|(kind, _)| kind == EXIT), "the trace is cut off");
    Ok(words)
}

/// A trace of these events, each after so many instructions: what [`words`] reads.
#[cfg(test)]
pub fn written(events: &[(u8, u64)]) -> Vec<u8> {
    let mut at = 0;
    let word = |&(kind, passed): &(u8, u64)| {
        at += passed + 1;
        (u64::from(kind) << 56 | at).to_ne_bytes()
    };
    events.iter().flat_map(word).collect()
}
