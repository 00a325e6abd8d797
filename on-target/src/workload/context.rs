//! One of the contexts.

use core::sync::atomic::Ordering::Relaxed;

use twinmap::ErrorKind;

use super::{CONTENDED, COUNTERS, DONE, KEYS, OWN, STABLE, Subject, Tally, iterate};
use crate::random::Random;
use crate::value::Value;

/// What one context knows. It does one operation at a time, of its own choice.
pub struct Context {
    who: usize,
    random: Random,
    /// Whether it may wait for the lock.
    may_wait: bool,
    hooks: Hooks,
    counted: [u32; COUNTERS as usize],
    /// The latest numbers seen in the counters: they never go back.
    seen: [u32; COUNTERS as usize],
    /// What its own keys hold.
    own: [Option<u32>; OWN as usize],
    /// Contended keys that it has inserted, minus those that it has removed.
    balance: i32,
    pub tally: Tally,
}

/// What a test adds. Each is given a random number.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Called in the midst of an operation, without the lock.
    pub disturb: fn(u32),
    /// Called under a pin.
    pub linger: fn(u32),
}

impl Context {
    pub const fn new(who: usize, may_wait: bool, hooks: Hooks) -> Self {
        Self {
            who,
            random: Random::new(who as u32 + 1),
            may_wait,
            hooks,
            counted: [0; COUNTERS as usize],
            seen: [0; COUNTERS as usize],
            own: [None; OWN as usize],
            balance: 0,
            tally: Tally { operations: 0, would_block: 0, busy: 0, overtaken: 0, outlived: 0 },
        }
    }

    pub(super) fn counted(&self, counter: u32) -> u32 {
        self.counted[counter as usize]
    }

    /// Keys that it has inserted and not removed.
    pub(super) fn balance(&self) -> i32 {
        self.balance + self.own.iter().flatten().count() as i32
    }

    /// Its own keys hold what it gave them.
    pub(super) fn check_own<S: Subject>(&self) {
        for (i, &number) in (0..).zip(&self.own) {
            let key = self.own_key(i);
            assert_eq!(S::map().get(&key).map(|value| value.number_of(key)), number, "the own key {key}");
        }
    }

    fn own_key(&self, i: u32) -> u32 {
        CONTENDED + OWN * self.who as u32 + i
    }

    /// One thing, which takes an operation or a few.
    pub fn step<S: Subject>(&mut self) {
        match self.random.below(32) {
            0..8 => self.count::<S>(),
            8..11 => self.count_by_exchange::<S>(),
            11 | 12 => self.overwrite::<S>(),
            13..17 => self.change_own::<S>(),
            17 => self.look_at_own::<S>(),
            18..21 => self.insert_contended::<S>(),
            21..24 => self.remove_contended::<S>(),
            24..27 => self.look::<S>(),
            27 | 28 => self.hold::<S>(),
            29 | 30 => self.reach_or_miss::<S>(),
            _ => self.go_through::<S>(),
        }
        self.tally.operations += 1;
        DONE[self.who].store(self.tally.operations, Relaxed);
    }

    /// Increments a counter. It is a known key: this takes no lock.
    fn count<S: Subject>(&mut self) {
        let key = self.random.below(COUNTERS);
        let (disturb, random) = (self.hooks.disturb, self.random.word());
        let updated = S::update(key, |old| {
            let number = old.number_of(key);
            disturb(random);
            assert_eq!(old.number_of(key), number, "a value changed under a reference");
            Value::new(key, number + 1)
        });
        match updated {
            Ok(new) => {
                self.counted[key as usize] += 1;
                self.see(key, new.expect("a counter is never removed").number_of(key));
            }
            Err(kind) => self.refused::<S>(kind, false),
        }
    }

    fn count_by_exchange<S: Subject>(&mut self) {
        let key = self.random.below(COUNTERS);
        let pinned = S::map().pin();
        let current = pinned.get(&key).expect("a counter is never removed");
        let number = current.number_of(key);
        self.see(key, number);
        self.tally.operations += 1;
        (self.hooks.disturb)(self.random.word());
        match pinned.compare_exchange(&key, current, Value::new(key, number + 1)) {
            Ok(old) => {
                assert_eq!(old.number_of(key), number);
                self.counted[key as usize] += 1;
                self.see(key, number + 1);
            }
            Err(error) => {
                assert_eq!(error.new.number_of(key), number + 1, "what was not stored comes back");
                let found = error.found.expect("a counter is never removed").number_of(key);
                self.see(key, found);
                match error.kind {
                    Some(kind) => self.refused::<S>(kind, false),
                    None => {
                        assert_ne!(found, number);
                        self.tally.overtaken += 1;
                    }
                }
            }
        }
    }

    /// A counter never goes back.
    fn see(&mut self, counter: u32, number: u32) {
        let seen = &mut self.seen[counter as usize];
        assert!(number >= *seen, "counter {counter} went back from {seen} to {number}");
        *seen = number;
    }

    /// Another value for a key that is always there: no lock.
    fn overwrite<S: Subject>(&mut self) {
        let key = COUNTERS + self.random.below(STABLE - COUNTERS);
        let number = self.random.word();
        match S::insert(key, Value::new(key, number)) {
            Ok(old) => drop(old.expect("a stable key is never removed").number_of(key)),
            Err(error) => {
                assert_eq!((error.key, error.value.number_of(key)), (key, number), "what was not stored comes back");
                self.refused::<S>(error.kind, false);
            }
        }
    }

    /// Inserts one of its own keys, or removes it, and knows what there was.
    fn change_own<S: Subject>(&mut self) {
        let i = self.random.below(OWN);
        let key = self.own_key(i);
        let before = self.own[i as usize];
        if self.random.below(2) == 0 {
            if let Some(old) = self.remove::<S>(key) {
                assert_eq!(old, before, "the own key {key}, removed");
                self.own[i as usize] = None;
            }
        } else {
            let number = self.random.word();
            if let Some(old) = self.insert::<S>(key, number) {
                assert_eq!(old, before, "the own key {key}, overwritten");
                self.own[i as usize] = Some(number);
            }
        }
    }

    fn look_at_own<S: Subject>(&mut self) {
        let i = self.random.below(OWN);
        let key = self.own_key(i);
        match S::map().try_get(&key) {
            Ok(value) => assert_eq!(value.map(|value| value.number_of(key)), self.own[i as usize], "the own key {key}"),
            Err(error) => self.refused::<S>(error.into(), true),
        }
    }

    fn insert_contended<S: Subject>(&mut self) {
        let key = STABLE + self.random.below(CONTENDED - STABLE);
        let number = self.random.word();
        self.balance += i32::from(self.insert::<S>(key, number) == Some(None));
    }

    fn remove_contended<S: Subject>(&mut self) {
        let key = STABLE + self.random.below(CONTENDED - STABLE);
        self.balance -= i32::from(self.remove::<S>(key).is_some_and(|old| old.is_some()));
    }

    /// Inserts a key; returns what it held, or `None` if that was not possible now.
    fn insert<S: Subject>(&mut self, key: u32, number: u32) -> Option<Option<u32>> {
        let waits = self.waits();
        let value = Value::new(key, number);
        let inserted = if waits { S::insert(key, value) } else { S::map().try_insert(key, value) };
        match inserted {
            Ok(old) => Some(old.map(|old| old.number_of(key))),
            Err(error) => {
                assert_eq!((error.key, error.value.number_of(key)), (key, number), "what was not stored comes back");
                self.refused::<S>(error.kind, !waits);
                None
            }
        }
    }

    /// As [`insert`](Self::insert).
    fn remove<S: Subject>(&mut self, key: u32) -> Option<Option<u32>> {
        let removed = if self.waits() { Ok(S::map().remove(&key)) } else { S::map().try_remove(&key) };
        match removed {
            Ok(old) => Some(old.map(|old| old.number_of(key))),
            Err(error) => {
                self.refused::<S>(error.into(), true);
                None
            }
        }
    }

    /// Whether it waits for the lock this time.
    fn waits(&mut self) -> bool {
        self.may_wait && self.random.below(4) != 0
    }

    /// An operation that did not take place, for a reason for which it may.
    fn refused<S: Subject>(&mut self, kind: ErrorKind, tried: bool) {
        match kind {
            ErrorKind::WouldBlock if tried && !S::MASKS => self.tally.would_block += 1,
            ErrorKind::Busy if S::FIXED => self.tally.busy += 1,
            kind => panic!("refused: {kind}"),
        }
    }

    /// Reads keys that are always there.
    fn look<S: Subject>(&mut self) {
        let counter = self.random.below(COUNTERS);
        let pinned = S::map().pin();
        self.see(counter, pinned.get(&counter).expect("a counter is never removed").number_of(counter));
        for _ in 0..5 {
            let key = COUNTERS + self.random.below(STABLE - COUNTERS);
            pinned.get(&key).expect("a stable key is never removed").number_of(key);
        }
        self.tally.operations += 5;
    }

    /// Holds values for a while. Whatever others do meanwhile, they stay as they are.
    fn hold<S: Subject>(&mut self) {
        let counter = self.random.below(COUNTERS);
        let pinned = S::map().pin();
        let keys =
            [counter, COUNTERS + self.random.below(STABLE - COUNTERS), STABLE + self.random.below(CONTENDED - STABLE)];
        let held = keys.map(|key| pinned.try_get(&key).ok().flatten().map(|value| (value, value.number_of(key))));
        (self.hooks.linger)(self.random.word());
        for (key, held) in keys.into_iter().zip(held) {
            if let Some((value, number)) = held {
                assert_eq!(value.number_of(key), number, "a value changed while it was held");
            }
        }
        let now = pinned.get(&counter).expect("a counter is never removed").number_of(counter);
        self.see(counter, now);
        self.tally.operations += 3;
        self.tally.outlived += u32::from(held[0].is_some_and(|(_, number)| number != now));
    }

    /// Looks for a key that may be recent, or absent.
    fn reach_or_miss<S: Subject>(&mut self) {
        let key = STABLE + self.random.below(KEYS as u32 + 8 - STABLE);
        let found = if self.waits() { Ok(S::map().get(&key)) } else { S::map().try_get(&key) };
        match found {
            Ok(value) => drop(value.map(|value| value.number_of(key))),
            Err(error) => self.refused::<S>(error.into(), true),
        }
    }

    /// What goes through the whole map.
    fn go_through<S: Subject>(&mut self) {
        let map = S::map();
        match self.random.below(8) {
            0..3 if self.may_wait => drop(iterate(map)),
            3 | 4 if self.may_wait => map.promote(),
            5 => map.reclaim(),
            _ => assert!(map.len() >= STABLE as usize),
        }
    }
}
