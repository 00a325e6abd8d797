//! The operations, in the order in which they come.

use core::hint::black_box;

use semihosting::println;

use crate::subject::Subject;
use crate::{heap, marker};

/// In the churn, for each entry.
const PAIRS: u32 = 16;

extern "C" fn get<S: Subject>(subject: &S, key: u32, _: u32) -> u32 {
    subject.get(key)
}

extern "C" fn insert<S: Subject>(subject: &S, key: u32, value: u32) -> u32 {
    subject.insert(key, value)
}

extern "C" fn remove<S: Subject>(subject: &S, key: u32, _: u32) -> u32 {
    subject.remove(key)
}

extern "C" fn sum<S: Subject>(subject: &S, _: u32, _: u32) -> u32 {
    subject.sum()
}

/// Each of `n` gives another key, in no order.
fn key(n: u32) -> u32 {
    n.wrapping_mul(0x9E37_79B9) ^ 0x5A5A_5A5A
}

/// Not 0 for any key that there is.
fn value(key: u32) -> u32 {
    key | 1
}

/// What comes next: operations of the rows `operations`, in turns.
fn row(name: &str, size: u32, operations: &str) {
    println!("row {size} {name} {operations}");
    marker::row();
}

#[inline(never)]
pub fn run<S: Subject>(name: &str, size: u32) {
    heap::take_peak();
    let filled = each::<S>(name, size);
    assert!(heap::is_empty());
    heap::take_peak();
    let churned = churn::<S>(name, size);
    assert!(heap::is_empty());
    println!("memory {size} {name} {} {filled} {churned}", size_of::<S>());
}

/// Each key is inserted, and so on. Returns the most bytes of heap that were in use until all were there.
fn each<S: Subject>(name: &str, size: u32) -> usize {
    let keys = || (0..size).map(key);
    let subject = S::new();
    let subject = black_box(&subject);
    row(name, size, "insert");
    keys().for_each(|key| assert_eq!(marker::measured(insert, subject, key, value(key)), 1));
    subject.settle();
    let filled = heap::take_peak();
    row(name, size, "hit");
    keys().for_each(|key| assert_eq!(marker::measured(get, subject, key, 0), value(key)));
    if S::PINS {
        row(name, size, "hit-pinned");
        subject.get_pinned(keys(), value);
    }
    row(name, size, "miss");
    (size..2 * size).map(key).for_each(|key| assert_eq!(marker::measured(get, subject, key, 0), 0));
    row(name, size, "overwrite");
    keys().for_each(|key| assert_eq!(marker::measured(insert, subject, key, value(key)), 1));
    row(name, size, "iterate");
    let all = keys().fold(0u32, |sum, key| sum.wrapping_add(key).wrapping_add(value(key)));
    assert_eq!(marker::measured(sum, subject, 0, 0), all);
    row(name, size, "remove");
    keys().for_each(|key| assert_eq!(marker::measured(remove, subject, key, 0), value(key)));
    filled
}

/// The oldest key is removed, and a new one inserted. Returns the most bytes of heap that were in use.
fn churn<S: Subject>(name: &str, size: u32) -> usize {
    let subject = S::new();
    let subject = black_box(&subject);
    let fill = |n| assert_eq!(subject.insert(key(n), value(key(n))), 1);
    (0..size).for_each(fill);
    subject.settle();
    // Until it is as it will be.
    for n in 0..size {
        assert_eq!(subject.remove(key(n)), value(key(n)));
        fill(n + size);
    }
    row(name, size, "churn-remove,churn-insert");
    for n in size..size * (PAIRS + 1) {
        let (old, new) = (key(n), key(n + size));
        assert_eq!(marker::measured(remove, subject, old, 0), value(old));
        assert_eq!(marker::measured(insert, subject, new, value(new)), 1);
    }
    heap::take_peak()
}
