//! Keeping the tables complete and of the right size: what iteration, `promote` and removals ask of the incremental
//! copy; and what is done without memory.
//!
//! All of it is done in short steps under the lock, one at a time, so that others get it in between.

use mutex_traits::ScopedRawMutex;

use crate::error::ErrorKind;
use crate::garbage::Effort;
use crate::insert::Why;
use crate::lock::{Acquire, Never, Try, Wait};
use crate::map::{Core, Snapshot};
use crate::readers::Pin;
use crate::storage::{Index, Storage, Table};
use crate::sync::Ordering;

/// A table is too large when it has more than this many buckets for each live entry. Growth and churn leave less. (No
/// overflow: a key takes more bytes than that.)
const SPARSE: usize = 5;
/// So many live entries are assumed at least: a table of 16 buckets is never too large.
const FEW: usize = 4;
/// Steps under the lock by which one removal moves on to a smaller table. By two, the move is complete when about half
/// of the keys are left that were there at its beginning: for each of these there are five buckets, which are work of
/// 16 in all (a live entry, and up to three that were removed), and a step is work of 16.
const SHRINK_STEPS: usize = 2;

impl<K, V, St: Storage<K, V>, L: ScopedRawMutex> Core<K, V, St, L> {
    /// Makes `read` complete, in short steps under the lock, and returns it: it has every key that is present from
    /// before the call until after it.
    pub(crate) fn complete<'p, A: Acquire>(
        &'p self,
        pin: &'p Pin<'_>,
    ) -> Result<Option<&'p Table<St::Index>>, A::Error> {
        let start = self.snapshot(pin);
        let mut now = start;
        // A table that became `read` in the meantime was complete when it did.
        while self.is_amended(now) && now.word == start.word {
            self.section::<A, _>(|dirty| self.advance(dirty))?;
            now = self.snapshot(pin);
        }
        Ok(now.table)
    }

    /// Promotes `dirty`, drops all tombstones, and moves on to a table of the right size; in short steps under the
    /// lock. With a limit, there are only the tombstones.
    pub(crate) fn promote(&self) {
        if St::LIMIT.is_some() {
            self.sweep::<Wait>();
            return self.collect(Effort::ALL);
        }
        // One round may not do: a `dirty` that is there already may have been copied before its entries were removed;
        // and a table has at least a sixteenth of the last one's size, so what is much too large shrinks in several.
        for round in 0.. {
            let pin = self.pin();
            let before = self.snapshot(&pin).buckets();
            let renewed = Never::unwrap(self.renew::<Wait>(&pin));
            let now = self.snapshot(&pin);
            // Without memory for another table, it has to stay as it is.
            let done = !renewed || !self.is_improvable(now) || round > 0 && now.buckets() >= before;
            drop(pin);
            self.collect(Effort::ALL);
            if done {
                return;
            }
        }
    }

    /// One promotion, if there is something to gain by it. `false`: no memory for a table.
    fn renew<A: Acquire>(&self, pin: &Pin<'_>) -> Result<bool, A::Error> {
        let start = self.snapshot(pin);
        let mut now = start;
        while now.is_table_of(start) && self.is_improvable(now) {
            if !self.ask_locked::<A>()? {
                return Ok(false);
            }
            now = self.snapshot(pin);
        }
        Ok(true)
    }

    /// Runs an operation until it succeeds or there is no point in it. Between attempts, its own pin is gone.
    ///
    /// It takes `input`, and gives it back with the reason when it failed.
    pub(crate) fn with_memory<A: Acquire, I, R>(
        &self,
        input: I,
        mut operation: impl FnMut(I) -> Result<R, (I, Why)>,
    ) -> Result<R, (I, ErrorKind)> {
        operation(input).or_else(|(input, why)| self.again::<A, I, R>(input, why, operation))
    }

    /// What [`with_memory`](Self::with_memory) does after the first attempt.
    #[cfg_attr(not(small), cold)]
    pub(crate) fn again<A: Acquire, I, R>(
        &self,
        mut input: I,
        mut why: Why,
        mut operation: impl FnMut(I) -> Result<R, (I, Why)>,
    ) -> Result<R, (I, ErrorKind)> {
        let mut retried = false;
        loop {
            if !matches!(why, Why::Again) {
                // The table that was promoted, which a new one is to replace. Little
                // besides: the caller may be a handler.
                self.collect(Effort::FEW);
            }
            let error = match why {
                Why::Again => None,
                Why::NeedsTable(table) => match self.prepare::<A>(table) {
                    Ok(true) => None,
                    Ok(false) => Some(Self::NO_MEMORY),
                    Err(error) => Some(error.into()),
                },
                Why::Error(kind) => Some(kind),
            };
            if let Some(kind) = error {
                if kind != Self::NO_MEMORY || retried {
                    return Err((input, kind));
                }
                // What could not be freed because the operation itself was pinned.
                self.collect(Effort::ALL);
                retried = true;
            }
            (input, why) = match operation(input) {
                Ok(result) => return Ok(result),
                Err(failed) => failed,
            };
        }
    }

    /// Asks for a promotion, and does a step towards it. `false`: no memory for a table.
    fn ask_locked<A: Acquire>(&self) -> Result<bool, A::Error> {
        loop {
            match self.section::<A, _>(|dirty| self.ask(dirty))? {
                Ok(()) => return Ok(true),
                Err(table) if self.prepare::<A>(table)? => {}
                Err(_) => return Ok(false),
            }
        }
    }

    fn is_improvable(&self, read: Snapshot<'_, St::Index>) -> bool {
        let len = self.count.get();
        let has_tombstones = read.table.is_some_and(|table| table.index().len() > len);
        read.amended() || has_tombstones || self.is_sparse()
    }

    fn is_sparse(&self) -> bool {
        St::LIMIT.is_none() && self.buckets.load(Ordering::Relaxed) > SPARSE * self.count.get().max(FEW)
    }

    /// Ends a removal: moves on to a smaller table if this one is too large, by a few short steps. Never waits for the
    /// lock: whoever has it may be what this interrupted. The next removal does the steps that are missed here.
    #[inline]
    pub(crate) fn shrink(&self) {
        if self.is_sparse() {
            self.shrink_by_steps();
        }
    }

    #[inline(never)]
    fn shrink_by_steps(&self) {
        for _ in 0..SHRINK_STEPS {
            if !self.is_sparse() {
                return;
            }
            let Ok(true) = self.ask_locked::<Try>() else { return };
        }
    }
}
