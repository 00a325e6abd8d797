//! Those who free while others may collect.
//!
//! Only what is [`LONG`], and only so many at a time. Not on a microcontroller, where there is nothing of this: few cores
//! write, to make a value takes them longer than to drop it, and a handler that meets a collector has the less to do. On
//! a host, dropping what another core wrote, and long ago, may take several times as long as making it.

#[cfg(not(target_os = "none"))]
use portable_atomic::{AtomicUsize, Ordering};

/// Whether there is anything of this.
pub(super) const SEVERAL: bool = cfg!(not(target_os = "none"));

/// A list of more objects than this.
const LONG: usize = if cfg!(any(loom, shuttle)) { 1 } else { 64 };

/// So many at a time: threads, or destructors that write, in which others are run.
const MOST: usize = if cfg!(any(loom, shuttle)) { 1 } else { 32 };

/// How many there are. (It orders nothing, and so is nothing for a model: not of the module `sync`.)
pub(super) struct Freeing(#[cfg(not(target_os = "none"))] AtomicUsize);

impl Freeing {
    #[cfg(not(target_os = "none"))]
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    #[cfg(target_os = "none")]
    pub(super) const fn new() -> Self {
        Self()
    }

    /// Whether who frees so many objects may do it while others collect: until what is returned is dropped.
    #[inline(always)]
    pub(super) fn turn(&self, objects: usize) -> Option<Turn<'_>> {
        if !SEVERAL || objects <= LONG {
            return None;
        }
        let before = self.add(1);
        // (Dropped at once if there are too many.)
        let turn = Turn(self);
        (before < MOST).then_some(turn)
    }

    #[cfg(not(target_os = "none"))]
    fn add(&self, n: usize) -> usize {
        self.0.fetch_add(n, Ordering::Relaxed)
    }

    #[cfg(target_os = "none")]
    fn add(&self, _: usize) -> usize {
        MOST
    }
}

pub(super) struct Turn<'a>(&'a Freeing);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.add(1_usize.wrapping_neg());
    }
}
