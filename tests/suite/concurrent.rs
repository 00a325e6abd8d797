//! Threads on one map. Nothing here depends on how fast they are: those that others wait for go on until all have done
//! their share.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use twinmap::Garbage;

use super::memory::any_operation;
use super::tracked::Census;
use super::{Random, count};
use crate::{GROWS, Map};

/// Tells the others to stop, also when a thread fails, which would otherwise leave them running.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn iteration_under_writers_gives_each_stable_key_once_and_no_key_twice() {
    const STABLE: usize = 16;
    let rounds = count(300, 6);
    let map = Map::<usize, usize>::default();
    (0..STABLE).for_each(|key| drop(map.insert(key, 0)));
    // Values go up. What the writer was about to store, and what it has stored, bound what can be seen.
    let about_to: [AtomicUsize; STABLE] = Default::default();
    let stored: [AtomicUsize; STABLE] = Default::default();
    let (churned, stop) = (AtomicUsize::new(0), AtomicBool::new(false));

    thread::scope(|scope| {
        scope.spawn(|| {
            for value in 1.. {
                for key in 0..STABLE {
                    about_to[key].store(value, SeqCst);
                    assert_eq!(map.insert(key, value).as_deref(), Some(&(value - 1)));
                    stored[key].store(value, SeqCst);
                }
                if stop.load(SeqCst) {
                    return;
                }
            }
        });
        scope.spawn(|| {
            let mut random = Random::new(1);
            while !stop.load(SeqCst) {
                let key = STABLE + random.below(64) as usize;
                if random.below(2) == 0 {
                    map.insert(key, key)
                } else {
                    map.remove(&key)
                };
                churned.fetch_add(1, SeqCst);
            }
        });

        let _stop = Stop(&stop);
        let mut done = 0;
        while done < rounds || churned.load(SeqCst) < rounds || stored[0].load(SeqCst) < rounds {
            let pin = map.pin();
            let before = stored.each_ref().map(|value| value.load(SeqCst));
            let seen: Vec<(usize, usize)> = pin.iter().map(|(&key, &value)| (key, value)).collect();
            let after = about_to.each_ref().map(|value| value.load(SeqCst));

            let keys: HashSet<usize> = seen.iter().map(|&(key, _)| key).collect();
            assert_eq!(keys.len(), seen.len(), "a key twice");
            assert!((0..STABLE).all(|key| keys.contains(&key)), "a key is missing");
            for (key, value) in seen {
                let possible = if key < STABLE { before[key]..=after[key] } else { key..=key };
                assert!(possible.contains(&value), "{key}: {value} is not in {possible:?}");
            }
            done += 1;
        }
    });
    assert_eq!(map.promotions() > 1, GROWS);
}

#[test]
fn get_or_insert_with_has_one_winner_whose_value_all_see() {
    let (threads, rounds) = (4, count(500, 8));
    let map = Map::<usize, (usize, usize)>::default();
    let barrier = Barrier::new(threads);
    let calls = AtomicUsize::new(0);
    let values: Vec<Vec<(usize, usize)>> = thread::scope(|scope| {
        let run = |me| {
            let (map, barrier, calls) = (&map, &barrier, &calls);
            move || {
                let round = |key| {
                    barrier.wait();
                    let mut called = 0;
                    let value = *map.get_or_insert_with(key, || {
                        called += 1;
                        calls.fetch_add(1, SeqCst);
                        thread::yield_now(); // So that others find the key absent as well.
                        (me, key)
                    });
                    assert!(called <= 1);
                    assert!(value.0 != me || called == 1, "a value that was never made");
                    value
                };
                (0..rounds).map(round).collect()
            }
        };
        let threads: Vec<_> = (0..threads).map(|me| scope.spawn(run(me))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(values.iter().all(|seen| *seen == values[0]), "two winners");
    assert_eq!(map.len(), rounds);
    assert!(calls.into_inner() >= rounds);
}

/// How far to count; what is not optimised takes five times as long.
const TOTAL: usize = count(if cfg!(debug_assertions) { 100_000 } else { 500_000 }, 60);

/// Counts up to `total` with several threads, while another one keeps the map changing.
fn count_up(total: usize, add_one: impl Fn(&Map<u32, usize>, u32) + Sync) {
    const THREADS: usize = 4;
    let map = Map::<u32, usize>::default();
    map.insert(0, 0);
    let (stop, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        // Promotions, and a key that is expunged and comes back, are to happen under way.
        scope.spawn(|| {
            let _stop = Stop(&stop);
            while !stop.load(SeqCst) {
                map.insert(1, 1);
                map.promote();
                map.remove(&1);
                map.insert(2, 2);
                map.remove(&2);
                turns.fetch_add(1, SeqCst);
            }
        });
        let _stop = Stop(&stop);
        thread::scope(|scope| {
            let work = || (0..total / THREADS).for_each(|_| add_one(&map, 0));
            (0..THREADS).for_each(|_| drop(scope.spawn(work)));
        });
        // However fast that was: one turn of the other thread, at least.
        while turns.load(SeqCst) == 0 && !stop.load(SeqCst) {
            thread::yield_now();
        }
    });
    assert_eq!(map.get(&0).as_deref(), Some(&(total / THREADS * THREADS)));
    assert_eq!(map.promotions() > 0, GROWS);
}

#[test]
fn increments_by_compare_exchange_lose_none() {
    count_up(TOTAL, |map, key| {
        loop {
            // A pin for each attempt: somebody has to let go of the values that were replaced.
            let pin = map.pin();
            let current = *pin.get(&key).unwrap();
            match pin.compare_exchange(&key, &current, current + 1) {
                Ok(replaced) => return assert_eq!(*replaced, current),
                Err(error) => assert_eq!(error.new, current + 1),
            }
        }
    });
}

#[test]
fn increments_by_update_lose_none() {
    count_up(TOTAL, |map, key| assert!(map.update(&key, |value| value + 1).is_some()));
}

#[test]
fn increments_by_update_or_insert_lose_none() {
    count_up(TOTAL, |map, key| assert!(*map.update_or_insert(key, |value| value + 1, 0) > 0));
}

#[test]
fn increments_by_remove_and_insert_lose_none() {
    // Whoever takes the value out puts it back. The key is absent in between.
    count_up(count(100_000, 40), |map, key| {
        loop {
            let taken = map.remove(&key).map(|value| *value);
            if let Some(value) = taken {
                return assert!(map.insert(key, value + 1).is_none());
            }
            thread::yield_now();
        }
    });
}

#[test]
fn compare_exchange_fails_for_a_missing_key_and_a_stale_value() {
    let map = Map::<&str, i32>::default();
    let pin = map.pin();
    let missing = pin.compare_exchange("k", &1, 2).unwrap_err();
    assert_eq!((missing.new, missing.found), (2, None));
    assert!(pin.is_empty());

    pin.insert("k", 1);
    assert_eq!(pin.compare_exchange("k", &1, 2), Ok(&1));
    let stale = pin.compare_exchange("k", &1, 3).unwrap_err();
    assert_eq!((stale.new, stale.found), (3, Some(&2)));
    assert_eq!(pin.get("k"), Some(&2));
}

#[test]
fn a_key_inserted_after_clear_is_there() {
    let rounds = count(2_000, 20);
    let map = Map::<usize, usize>::default();
    let (stop, noise) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 1..=2 {
            let (map, stop, noise) = (&map, &stop, &noise);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !stop.load(SeqCst) {
                    let key = 1 + random.below(32) as usize;
                    if random.below(3) == 0 {
                        map.remove(&key)
                    } else {
                        map.insert(key, key)
                    };
                    noise.fetch_add(1, SeqCst);
                }
            });
        }
        let _stop = Stop(&stop);
        let mut round = 0;
        while round < rounds || noise.load(SeqCst) < rounds {
            map.clear();
            // Nobody else uses key 0.
            assert!(map.insert(0, round).is_none(), "a key survived `clear`");
            assert_eq!(map.get(&0).as_deref(), Some(&round), "`clear` took a key inserted after it");
            if round % 2 == 0 {
                map.promote();
                assert_eq!(map.get(&0).as_deref(), Some(&round));
            }
            round += 1;
        }
    });
    assert_eq!(map.promotions() > 0, GROWS);
    assert_len_is_right_and_ends_at_zero(&map);
}

#[track_caller]
fn assert_len_is_right_and_ends_at_zero(map: &Map<usize, usize>) {
    let keys: Vec<usize> = map.pin().keys().copied().collect();
    assert_eq!(map.len(), keys.len());
    keys.iter().for_each(|key| assert!(map.remove(key).is_some()));
    assert_eq!(map.len(), 0);
    assert_eq!(map.pin().iter().count(), 0);
}

#[test]
fn len_does_not_drift() {
    // (A table of limited size is large from the beginning, and many of the operations go through all of it.)
    let (threads, operations) = (4, count(30_000, if GROWS { 150 } else { 40 }));
    let map = Map::<usize, usize>::default();
    thread::scope(|scope| {
        for seed in 0..threads {
            let map = &map;
            scope.spawn(move || {
                let mut random = Random::new(100 + seed);
                for _ in 0..operations {
                    let key = random.below(24) as usize;
                    match random.below(100) {
                        0..45 => drop(map.insert(key, key)),
                        45..85 => drop(map.remove(&key)),
                        85..90 => drop(map.get_or_insert(key, key)),
                        90..93 => drop(map.pin().remove_if(&key, |_| true)),
                        93..96 => map.promote(),
                        96 => map.clear(),
                        97 => map.pin().retain(|key, _| key % 2 == 0),
                        _ => drop(map.pin().iter().count()),
                    }
                }
            });
        }
    });
    assert_eq!(map.promotions() > 1, GROWS);
    assert_len_is_right_and_ends_at_zero(&map);
}

#[test]
fn a_pinned_reader_keeps_what_it_saw() {
    static VALUES: Census = Census::new();
    const KEYS: u32 = 24;
    let rounds = count(200, 4);
    let map = Map::<u32, _>::default();
    (0..KEYS).for_each(|key| drop(map.insert(key, VALUES.track(key))));
    let (stop, writes) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(5);
            while !stop.load(SeqCst) {
                let key = random.below(KEYS.into()) as u32;
                match random.below(50) {
                    0 => map.clear(),
                    1..5 => map.promote(),
                    5..15 => drop(map.remove(&key)),
                    // (A fixed map may find no room, as long as the reader is pinned.)
                    _ => drop(map.try_insert(key, VALUES.track(key))),
                }
                writes.fetch_add(1, SeqCst);
            }
        });
        let _stop = Stop(&stop);
        let mut seen = 0;
        for _ in 0..rounds {
            // What the writer has removed; it may not have found room since.
            (0..KEYS).for_each(|key| drop(map.get_or_insert_with(key, || VALUES.track(key))));
            let pin = map.pin();
            let found: Vec<_> = (0..KEYS).filter_map(|key| Some((key, pin.get(&key)?))).collect();
            // Long enough for the writer to replace most of them, while nothing may be freed.
            let target = writes.load(SeqCst) + count(100, 30);
            while writes.load(SeqCst) < target {
                found.iter().for_each(|&(key, value)| assert_eq!(value.id(), key));
                thread::yield_now();
            }
            found.iter().for_each(|&(key, value)| assert_eq!(value.id(), key));
            seen += found.len();
        }
        assert!(seen > rounds, "the map was nearly always empty");
    });
    assert_eq!(map.promotions() > 1, GROWS);
    drop(map);
    VALUES.assert_all_dropped();
}

#[test]
fn drops_are_exact_after_threads_did_anything() {
    static CENSUS: Census = Census::new();
    let map = Map::default();
    thread::scope(|scope| {
        for seed in 0..4 {
            let map = &map;
            scope.spawn(move || {
                let mut random = Random::new(40 + seed);
                (0..count(10_000, 40)).for_each(|_| any_operation(map, &CENSUS, &mut random));
            });
        }
    });
    map.promote();
    map.reclaim();
    assert_eq!((CENSUS.live(), map.garbage()), (2 * map.len(), Garbage::default()));
    drop(map);
    CENSUS.assert_all_dropped();
}
