//! A value that the first core holds while the second one does its part twice: for what a grace period waits,
//! and for what the next one does.

use core::sync::atomic::Ordering::SeqCst;

use std::sync::atomic::AtomicUsize;
use std::value::living;
use std::{harness, note, timer};
use twinmap::Garbage;

use crate::hold::Hold;
use crate::subject::{SectionFixed, SectionGrowing, SpinFixed, SpinGrowing};
use crate::turns;

/// What the second core does at a stop; key 0 is what the first one looks at. Each comes together with each.
const PARTS: usize = 5;

fn part<M: Hold>(map: &M, which: usize, number: u32) {
    match which {
        // The memory of the value before last is used again.
        0 => (0..3).for_each(|i| _ = map.insert(0, number + i)),
        // Under a pin of its own, which sends later readers to the other counter; one that is
        // about to count does not know yet.
        1 => {
            map.hold::<0, _>(|_| _ = map.insert(0, number));
            map.reclaim();
        }
        2 => {
            map.remove(0);
            _ = map.insert(1, number);
        }
        3 => {
            map.clear();
            _ = (map.insert(1, number), map.insert(0, number));
        }
        _ => {
            map.remove(0);
            map.promote();
            _ = map.insert(0, number);
        }
    }
}

/// Which two parts, the map, and how many are done.
static BOTH: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
static MAP: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);

fn next_part<M: Hold>() {
    let done = DONE.fetch_add(1, SeqCst);
    // SAFETY: `at_two_points` has this map until both parts are done.
    let map = unsafe { &*(MAP.load(SeqCst) as *const M) };
    part(map, BOTH[done].load(SeqCst), 100 * (done as u32 + 1));
}

/// Looks a value up and uses it, with a part of the other core's after some ticks, and another one `gap` ticks later.
/// How many of them came before the end.
fn at_two_points<M: Hold>(parts: [usize; 2], ticks: u32, gap: u32) -> usize {
    let map = M::default();
    assert_eq!((map.insert(0, 1), map.insert(1, 2)), (Ok(None), Ok(None)));
    map.promote();
    MAP.store((&raw const map).addr(), SeqCst);
    DONE.store(0, SeqCst);
    BOTH.iter().zip(parts).for_each(|(both, part)| both.store(part, SeqCst));
    let look = || {
        map.hold::<1, _>(|[value]| {
            let Some(value) = value else { return };
            let number = value.number_of(0);
            for _ in 0..4 {
                assert_eq!(core::hint::black_box(value).number_of(0), number, "{parts:?}, {ticks} and {gap}");
            }
        });
    };
    let ((), inside) = turns::stopping(ticks, 2, gap, look);
    map.reclaim();
    assert_eq!((map.garbage(), living()), (Garbage::default(), map.len()), "{parts:?}, {ticks} and {gap}");
    inside
}

fn at_every_two_instructions<M: Hold + Sync>() {
    let step = timer::instruction() as usize;
    // What is seen after the first stop is in use for more instructions than these.
    let next = if harness::thorough() { step } else { 3 * step };
    turns::with(
        || {
            // What the first core looks for may be gone from where it is found without the lock.
            turns::set_may_wait(!M::ANYTHING_IN_HANDLERS);
            let (mut once, mut twice) = (0, 0);
            for ticks in (1..).step_by(step) {
                let mut inside = 2;
                for gap in (1..).step_by(next) {
                    let both = (once + twice) % (PARTS * PARTS);
                    inside = at_two_points::<M>([both / PARTS, both % PARTS], ticks, gap);
                    if inside < 2 {
                        break;
                    }
                    twice += 1;
                }
                if inside == 0 {
                    break;
                }
                once += 1;
                assert_eq!(living(), 0);
            }
            note!("stopped at {once} points, and then at {twice} second ones");
        },
        next_part::<M>,
    );
}

#[test]
fn growing_with_a_spinlock() {
    at_every_two_instructions::<SpinGrowing>();
}

#[test]
fn growing_with_critical_sections() {
    at_every_two_instructions::<SectionGrowing>();
}

#[test]
fn fixed_with_a_spinlock() {
    at_every_two_instructions::<SpinFixed>();
}

#[test]
fn fixed_with_critical_sections() {
    at_every_two_instructions::<SectionFixed>();
}
