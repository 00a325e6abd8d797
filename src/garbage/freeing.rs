//! Those who free while others may collect.
//!
//! Only what is [long](is_long), only of a growing map, and not on bare metal: few cores write there, to make a value
//! takes them longer than to drop it, and a handler that meets a collector has the less to do. On a host, dropping what
//! another core wrote, and long ago, may take several times as long as making it.
//!
//! A destructor that writes may collect as well then, and the destructors that it runs. That they nest no deeper than
//! [`MOST`], and do not go on for ever, comes of who has no turn: it leaves what it has found to those who have one.

use crate::sync::const_fn;
#[cfg(not(target_os = "none"))]
use crate::sync::{AtomicUsize, Ordering};

/// Whether there is anything of this.
pub(super) const SEVERAL: bool = cfg!(not(target_os = "none"));

/// So many at a time: threads, or destructors that write, in which others are run.
const MOST: usize = if cfg!(any(loom, shuttle)) { 1 } else { 32 };

/// Whether so many objects are to be freed while others may collect.
pub(super) const fn is_long(len: usize) -> bool {
    SEVERAL && len > if cfg!(any(loom, shuttle)) { 1 } else { 64 }
}

/// How many there are.
pub(super) struct Freeing(#[cfg(not(target_os = "none"))] AtomicUsize);

impl Freeing {
    const_fn! {
        pub(super) fn new() -> Self {
            Self(#[cfg(not(target_os = "none"))] AtomicUsize::new(0))
        }
    }

    /// Whether the collector may free while others collect: until what is returned is dropped. If not, there are some who
    /// do, and who collect when they are through. `again`: it has done so in this call.
    ///
    /// (Relaxed, here and in `drop`: who is through then accesses the collector's word, by a read-modify-write. Either the
    /// caller sees it there, and goes round again; or it finds that the caller has left.)
    pub(super) fn turn(&self, again: bool) -> Option<Turn<'_>> {
        let before = self.add(1);
        let turn = Turn(self);
        (before == 0 || before < MOST && !again).then_some(turn)
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
