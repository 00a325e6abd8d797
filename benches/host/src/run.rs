//! Runs a shape on a map, in one thread or several.
//!
//! What comes out is the time on the clock for all operations of all threads together, as of Go's `RunParallel`: two
//! threads that don't disturb each other take half of what one takes.

use std::hint;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::shapes::{At, Shape};
use crate::subjects::Subject;

/// Operations from one look at what is left to the next, which is also how long a pin is held.
const CHUNK: u64 = 1024;

/// A shape and a map, to be measured several times.
pub struct Run<'a, S, M> {
    shape: &'a S,
    map: Option<M>,
}

impl<'a, S: Shape, M: Subject<S::Key>> Run<'a, S, M> {
    pub fn new(shape: &'a S) -> Self {
        Self { shape, map: None }
    }

    /// The time of `operations` by one thread.
    pub fn alone(&mut self, operations: u64) -> Duration {
        self.batches(operations, |shape, map, operations| {
            let left = Left::new(operations, 1);
            work(shape, map, 0, operations, &left).map_or(Duration::ZERO, |(start, end)| end - start)
        })
    }

    /// The time of `operations` by `threads` together.
    pub fn together(&mut self, threads: u64, operations: u64) -> Duration
    where
        M: Sync,
    {
        self.batches(operations, |shape, map, operations| {
            let left = Left::new(operations, threads);
            let arrived = AtomicUsize::new(0);
            let spans: Vec<_> = thread::scope(|scope| {
                let one = |thread| {
                    let (left, arrived) = (&left, &arrived);
                    scope.spawn(move || {
                        take_core(thread);
                        arrived.fetch_add(1, Ordering::Relaxed);
                        while arrived.load(Ordering::Relaxed) < threads as usize {
                            hint::spin_loop();
                        }
                        work(shape, map, thread, operations, left)
                    })
                };
                let workers: Vec<_> = (0..threads).map(one).collect();
                workers.into_iter().filter_map(|worker| worker.join().expect("a worker panicked")).collect()
            });
            let start = spans.iter().map(|(start, _)| *start).min();
            let end = spans.iter().map(|(_, end)| *end).max();
            start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start)
        })
    }

    /// On fresh maps if the shape wants that, each for all operations or for a batch; what a batch has
    /// beyond `operations` is not counted.
    fn batches(&mut self, operations: u64, once: impl Fn(&S, &M, u64) -> Duration) -> Duration {
        let batch = S::BATCH.unwrap_or(operations);
        let batches = operations.div_ceil(batch);
        let mut time = Duration::ZERO;
        for _ in 0..batches {
            let map = self.map.take().filter(|_| S::STEADY).unwrap_or_else(|| prepared(self.shape));
            time += once(self.shape, &map, batch);
            self.map = Some(map);
        }
        time.mul_f64(operations as f64 / (batches * batch) as f64)
    }
}

fn prepared<S: Shape, M: Subject<S::Key>>(shape: &S) -> M {
    let map = M::with_capacity(S::CAPACITY);
    shape.prepare(&map.view());
    map
}

/// Keeps the calling thread on a core of its own: a scheduler may take its time to part threads that were just started.
/// (Where that is not possible, it goes without.)
fn take_core(thread: u64) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(core) = cores.get(thread as usize) {
        core_affinity::set_for_current(*core);
    }
}

/// From when to when, unless there was nothing left for this thread.
fn work<S: Shape, M: Subject<S::Key>>(
    shape: &S,
    map: &M,
    thread: u64,
    operations: u64,
    left: &Left,
) -> Option<(Instant, Instant)> {
    let start = Instant::now();
    let mut worked = false;
    let mut state = S::State::default();
    // As far from the other threads' as these can get.
    let mut at = At { thread, i: thread * operations };
    while let Some(number) = left.take() {
        worked = true;
        let view = map.view();
        for _ in 0..number {
            shape.operation(&view, at, &mut state);
            at.i += 1;
        }
    }
    worked.then(|| (start, Instant::now()))
}

/// Shared out as the threads come for it, so that one that is held up does not hold up the end.
struct Left {
    operations: AtomicU64,
    chunk: u64,
}

impl Left {
    fn new(operations: u64, threads: u64) -> Self {
        Self { operations: AtomicU64::new(operations), chunk: (operations / (threads * 64)).clamp(1, CHUNK) }
    }

    fn take(&self) -> Option<u64> {
        let less = |left: u64| (left > 0).then(|| left.saturating_sub(self.chunk));
        let before = self.operations.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(before.min(self.chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_shared_out() {
        let left = Left::new(1_000_000, 2);
        let taken: Vec<_> = std::iter::from_fn(|| left.take()).collect();
        assert_eq!(taken.iter().sum::<u64>(), 1_000_000);
        assert_eq!((taken[0], taken.last()), (1_024, Some(&(1_000_000 % 1_024))));
    }
}
