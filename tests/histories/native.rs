//! Histories of threads that run for real.

use todc_utils::linearizability::history::Action::{self, Call, Response};

use super::{Done, Log, Map, SIZES, Subject, planted};
use crate::sequential::Op;
use crate::suite::count;

/// How many operations began while another one was under way.
fn overlaps(Log(log): &Log) -> usize {
    let is_call = |action: &Action<Done>| matches!(action, Call(_));
    log.windows(2).filter(|pair| is_call(&pair[0].1) && is_call(&pair[1].1)).count()
}

/// How many operations overlapped in all.
fn for_each_history<M: Subject>(histories: usize, map: impl Fn() -> M, mut f: impl FnMut(&M, Log) -> bool) -> usize {
    let mut overlapping = 0;
    for size in SIZES {
        let mut found = 0;
        let mut seed = 0;
        // As many as there are to be with threads in each other's way, on however few cores.
        while found < histories {
            seed += 1;
            let map = map();
            let log = Log::record(&map, seed, size);
            if overlaps(&log) == 0 {
                continue;
            }
            found += 1;
            overlapping += overlaps(&log);
            if !f(&map, log) {
                return overlapping;
            }
        }
    }
    overlapping
}

/// How many of each size. (Most of the time goes to the checker, which takes much longer where it is not optimised.)
const HISTORIES: usize = count(if cfg!(debug_assertions) { 60 } else { 120 }, 4);

#[test]
fn random_histories_are_linearizable() {
    let mut promotions = 0;
    let overlapping = for_each_history(HISTORIES, Map::default, |map, log| {
        promotions += map.promotions();
        log.assert_linearizable();
        true
    });
    assert!(overlapping > 0);
    assert_eq!(promotions > HISTORIES, crate::GROWS);
}

/// Whether a map with a fault is found out.
#[track_caller]
fn assert_found<M: Subject>(map: impl Fn() -> M) {
    let mut found = false;
    for_each_history(20_000, map, |_, log| {
        found = !log.is_linearizable();
        !found
    });
    assert!(found, "no history shows the fault");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of histories take an interpreter too long")]
fn a_stale_read_is_found() {
    assert_found(planted::StaleRead::default);
}

#[test]
#[cfg_attr(miri, ignore = "thousands of histories take an interpreter too long")]
fn a_lost_update_is_found() {
    assert_found(planted::LostUpdate::default);
}

#[test]
#[cfg_attr(miri, ignore = "thousands of histories take an interpreter too long")]
fn a_resurrected_key_is_found() {
    assert_found(planted::Resurrection::default);
}

/// The checker itself sees a value that comes back from the past, and one from nowhere.
#[test]
fn the_checker_rejects_what_is_not_linearizable() {
    let check = |first_read, second_read| {
        let (write, read) = (Op::Insert(0, 1), Op::Get(0));
        Log(vec![
            (0, Call((write, None))),
            (1, Call((read, None))),
            (1, Response((read, first_read))),
            (1, Call((read, None))),
            (1, Response((read, second_read))),
            (0, Response((write, None))),
        ])
        .is_linearizable()
    };
    assert!(check(None, None) && check(None, Some(1)) && check(Some(1), Some(1)));
    assert!(!check(Some(1), None) && !check(Some(2), Some(2)));
}
