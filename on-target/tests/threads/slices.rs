//! What the threads do, and what is found at the ends of their slices.

use core::array;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use std::random::{self, Random};
use std::threads::{self, COUNT};
use std::timer::places;
use std::value::{Value, living};
use std::workload::{self, Context, Hooks, KEYS, Subject};
use twinmap::ErrorKind;

/// Of all threads together, in each of the four tests.
const OPERATIONS: u32 = 60_000;

/// The thread that holds pins over many slices.
const HOLDER: usize = COUNT - 1;

/// The key that interrupts insert, one more than the threads have.
const PROBE: u32 = KEYS as u32;

/// The context of a thread, which belongs to it.
struct Of(UnsafeCell<Context>);

// SAFETY: each is used by its thread alone.
unsafe impl Sync for Of {}

static OF: [Of; COUNT] = [const { Of(UnsafeCell::new(Context::new(0, true, hooks(0)))) }; COUNT];

/// Whether a thread is pinned.
static PINNED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// How many times a slice ended while its thread was pinned; while it had the lock.
static WHILE_PINNED: AtomicU32 = AtomicU32::new(0);
static WHILE_LOCKED: AtomicU32 = AtomicU32::new(0);
/// How many times it was found that there was no memory, in the interrupt.
static BUSY: AtomicU32 = AtomicU32::new(0);
/// For counters that no other context writes at the same time.
fn increment(counter: &AtomicU32) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

const fn hooks(thread: usize) -> Hooks {
    const LINGER: [fn(u32); COUNT] = [linger::<0>, linger::<1>, linger::<2>, linger::<HOLDER>];
    Hooks { disturb: |_| {}, linger: LINGER[thread] }
}

/// Lets some time pass: for the holder, slices of the others.
fn linger<const THREAD: usize>(random: u32) {
    PINNED[THREAD].store(true, Relaxed);
    if THREAD == HOLDER {
        let start = threads::switches();
        while threads::switches() - start < 4 + random::below(random, 8) {
            threads::spin(32, random);
        }
    } else {
        threads::spin(random::below(random, 128), random);
    }
    PINNED[THREAD].store(false, Relaxed);
}

/// What the timer's interrupt finds at the end of a slice. It inserts a key, which needs the lock, and removes it.
fn preempt<S: Subject>(thread: usize) -> u32 {
    static RANDOM: AtomicU32 = AtomicU32::new(0);

    places::add();
    if PINNED[thread].load(Relaxed) {
        increment(&WHILE_PINNED);
    }
    match S::map().try_insert(PROBE, Value::new(PROBE, 7)) {
        Ok(old) => {
            assert!(old.is_none());
            let removed = S::map().try_remove(&PROBE).expect("nobody has the lock");
            assert_eq!(removed.expect("it was inserted").number_of(PROBE), 7);
        }
        Err(error) => {
            assert_eq!(error.value.number_of(PROBE), 7);
            match error.kind {
                ErrorKind::WouldBlock => increment(&WHILE_LOCKED),
                ErrorKind::Busy if S::FIXED => increment(&BUSY),
                kind => panic!("refused: {kind}"),
            }
        }
    }
    let seed = RANDOM.load(Relaxed) + 1;
    RANDOM.store(seed, Relaxed);
    1000 + Random::new(seed).below(16_000)
}

fn body<S: Subject>(thread: usize) {
    // SAFETY: this thread's.
    let context = unsafe { &mut *OF[thread].0.get() };
    while workload::done() < OPERATIONS {
        context.step::<S>();
    }
}

fn test<S: Subject>() {
    for (thread, of) in OF.iter().enumerate() {
        // SAFETY: there are no threads now.
        unsafe { *of.0.get() = Context::new(thread, true, hooks(thread)) };
    }
    [&WHILE_PINNED, &WHILE_LOCKED, &BUSY].into_iter().for_each(|counter| counter.store(0, Relaxed));
    places::clear();
    let before = living();
    workload::set_up::<S>();

    threads::run(body::<S>, preempt::<S>);

    // SAFETY: there are no threads any more.
    let contexts = array::from_fn(|thread| unsafe { &*OF[thread].0.get() });
    let tally = workload::check::<S>(&contexts, before);
    let [pinned, locked, busy] = [&WHILE_PINNED, &WHILE_LOCKED, &BUSY].map(|counter| counter.load(Relaxed));
    let points = places::count();
    note!("operations of each thread: {:?}", contexts.map(|context| context.tally.operations));
    note!(
        "{} switches, at {points} instructions; {pinned} while pinned, {locked} with the lock; {busy} times no memory",
        threads::switches()
    );
    note!("{tally:?}");
    assert!(tally.operations >= OPERATIONS && tally.outlived > 0 && tally.overtaken > 0);
    assert!(points > 500, "slices ended at {points} instructions only");
    assert!(pinned > 0);
    assert_eq!(locked > 0, !S::MASKS, "slices that ended while the lock was held");
}

std::subject!(GrowingSpin, growing, SpinLock, false);
std::subject!(GrowingSection, growing, CriticalSectionLock, true);
std::subject!(FixedSpin, fixed KEYS + 1, SpinLock, false);
std::subject!(FixedSection, fixed KEYS + 1, CriticalSectionLock, true);

#[test]
fn growing_spin_lock() {
    test::<GrowingSpin>();
}

#[test]
fn growing_critical_section_lock() {
    test::<GrowingSection>();
}

#[test]
fn fixed_spin_lock() {
    test::<FixedSpin>();
}

#[test]
fn fixed_critical_section_lock() {
    test::<FixedSection>();
}
