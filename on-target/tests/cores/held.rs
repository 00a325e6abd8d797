//! A pin that one core holds for long, while another one changes all that is reached through it.

use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};

use std::cores;
use std::note;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::value::living;
use twinmap::{ErrorKind, Garbage};

use crate::hold::Hold;
use crate::subject::{SectionFixed, SectionGrowing, SpinFixed, SpinGrowing, Subject};

const KEYS: usize = 8;
/// More writes than a fixed map has memory for.
const WRITES: u32 = 50;

fn held<M: Hold + Sync>() {
    let map = M::default();
    (0..KEYS as u32).for_each(|key| assert_eq!(map.insert(key, 100 + key), Ok(None)));
    let (holds, changed) = (AtomicBool::new(false), AtomicBool::new(false));
    let looks = AtomicUsize::new(0);
    cores::run(&|core| match core {
        0 => {
            while !holds.load(Acquire) {
                cores::pass_turn();
            }
            change(&map, &looks);
            changed.store(true, Release);
        }
        1 => map.hold::<KEYS, _>(|values| {
            let values = values.map(|value| value.expect("it was inserted"));
            holds.store(true, Release);
            let look = || (0..).zip(values).for_each(|(key, value)| assert_eq!(value.number_of(key), 100 + key));
            while !changed.load(Acquire) {
                look();
                looks.fetch_add(1, SeqCst);
            }
            look();
        }),
        _ => {}
    });
    map.reclaim();
    assert_eq!((map.garbage(), living()), (Garbage::default(), map.len()));
    // What was refused has its turn now.
    (0..2 * KEYS as u32).for_each(|key| assert!(map.insert(key, 1).is_ok()));
    map.clear();
    assert_eq!((map.garbage(), living()), (Garbage::default(), 0));
    note!("looked {} times", looks.into_inner());
}

/// Overwrites, removes, promotes and inserts; and goes on until the other core has looked several times.
fn change(map: &impl Subject, looks: &AtomicUsize) {
    let fixed = |kind| matches!(kind, Err(ErrorKind::Busy));
    let mut written = 0;
    for write in 1..=WRITES {
        let key = write % KEYS as u32;
        match map.insert(key, write) {
            Ok(old) => assert_eq!(old, if write <= KEYS as u32 { Some(100 + key) } else { Some(write - KEYS as u32) }),
            refused => assert!(fixed(refused) && written >= KEYS, "{refused:?}"),
        }
        if map.get(key) == Some(write) {
            written += 1;
        }
    }
    assert!(map.garbage().values >= written, "they are held");
    for _ in 0..3 {
        map.promote();
        (0..KEYS as u32).step_by(2).for_each(|key| _ = map.remove(key));
        for key in KEYS as u32..2 * KEYS as u32 {
            let inserted = map.insert(key, 1);
            assert!(inserted.is_ok() || fixed(inserted));
        }
    }
    map.clear();
    map.reclaim();
    let seen = looks.load(SeqCst);
    for turn in 0.. {
        if looks.load(SeqCst) > seen + 10 {
            break;
        }
        assert!(turn < 100_000_000, "the other core has to do something");
        cores::pass_turn();
    }
    assert!(map.garbage().values >= written, "they are held");
}

#[test]
fn growing_with_a_spinlock() {
    held::<SpinGrowing>();
}

#[test]
fn growing_with_critical_sections() {
    held::<SectionGrowing>();
}

#[test]
fn fixed_with_a_spinlock() {
    held::<SpinFixed>();
}

#[test]
fn fixed_with_critical_sections() {
    held::<SectionFixed>();
}
