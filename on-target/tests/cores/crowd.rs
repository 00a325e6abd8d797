//! All cores do everything there is, on one map, and are interrupted by their timers meanwhile.
//!
//! Some keys belong to one core, which knows what each of its operations on them has to find. Some are counters, whose
//! totals have to be exact. On the others, anything goes.

use core::array;
use core::sync::atomic::Ordering::SeqCst;

use std::cores::{self, MOST as CORES};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::value::living;
use std::{note, timer};
use twinmap::{ErrorKind, Garbage};

use crate::subject::{CAPACITY, Result, SectionFixed, SectionGrowing, SpinFixed, SpinGrowing, Subject};

/// Rounds that each core makes at least, of one operation each.
const ROUNDS: u32 = if cfg!(target_arch = "arm") { 200_000 } else { 10_000 };
/// In so many it has seen enough of what the others do.
const MOST_ROUNDS: u32 = 1000 * ROUNDS;
/// What is enough: as many writes of each of the others.
const ENOUGH: u32 = 20;
/// As many retired objects let a core wait before it goes on. (A core that the host has put aside in the midst of
/// an operation keeps all of them.)
const MUCH: usize = 200;

// The keys. There are no more of them than a fixed map takes, which so is never full.
const OWN: usize = 3;
const HANDLERS: u32 = (OWN * CORES) as u32;
const SHARED: u32 = HANDLERS + CORES as u32;
const UPDATED: u32 = CAPACITY as u32 - 2;
const EXCHANGED: u32 = CAPACITY as u32 - 1;

fn own(core: usize, i: usize) -> u32 {
    (OWN * core + i) as u32
}

/// The numbers from here up are of keys that belong to nobody. Below they tell, by their last digit, whose they are.
const ANYBODYS: u32 = 1 << 30;
const WRITERS: u32 = 8;

/// All that the cores have to do with each other, but for the map.
struct Crowd<M> {
    map: M,
    /// How many have made their rounds and seen enough. When all have, they stop.
    content: AtomicUsize,
    /// How often the counters were counted up.
    updated: AtomicU32,
    exchanged: AtomicU32,
    changes_seen: AtomicU32,
    busy: AtomicU32,
    most_garbage: AtomicUsize,
    ticks: AtomicU32,
    ticking: [Ticking; CORES],
}

/// What a core and its interrupts have between them.
#[derive(Default)]
struct Ticking {
    armed: AtomicBool,
    random: AtomicU32,
    /// What is the value of the handler's key; 0 if it is not there.
    number: AtomicU32,
}

/// For the handlers, which are given nothing.
static CROWD: AtomicUsize = AtomicUsize::new(0);

impl<M: Subject> Crowd<M> {
    fn new() -> Self {
        Self {
            map: M::default(),
            content: AtomicUsize::new(0),
            updated: AtomicU32::new(0),
            exchanged: AtomicU32::new(0),
            changes_seen: AtomicU32::new(0),
            busy: AtomicU32::new(0),
            most_garbage: AtomicUsize::new(0),
            ticks: AtomicU32::new(0),
            ticking: Default::default(),
        }
    }

    /// What was done; not when others are pinned on all that is left of a fixed map's memory. It is never full.
    fn done<T>(&self, result: Result<T>) -> Option<T> {
        match result {
            Ok(done) => return Some(done),
            Err(ErrorKind::Busy) if M::FIXED => self.busy.fetch_add(1, SeqCst),
            Err(kind) => panic!("{kind}"),
        };
        cores::pass_turn(); // To whoever is pinned.
        None
    }

    fn tick() {
        // SAFETY: the one that `work` is given, whose timer has called this.
        let crowd = unsafe { &*(CROWD.load(SeqCst) as *const Self) };
        crowd.interrupt(cores::id());
    }

    /// Inserts, looks up and removes a key of its own, and counts up. If it must not wait for the lock, it does not.
    fn interrupt(&self, core: usize) {
        let (Self { map, .. }, ticking) = (self, &self.ticking[core]);
        let key = HANDLERS + core as u32;
        let number = Some(ticking.number.load(SeqCst)).filter(|&number| number != 0);
        let new = ticking.random.load(SeqCst);
        let blocked = |kind| assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::Busy), "{kind}");
        match (new % 4, M::ANYTHING_IN_HANDLERS) {
            (0, true) => {
                assert_eq!(map.remove(key), number);
                ticking.number.store(0, SeqCst);
            }
            (0, false) => match map.try_remove(key) {
                Ok(old) => {
                    assert_eq!(old, number);
                    ticking.number.store(0, SeqCst);
                }
                Err(kind) => blocked(kind),
            },
            (1, true) => {
                map.promote();
                map.for_each(|_, _| {});
            }
            (1, false) => match map.try_get(key) {
                Ok(found) => assert_eq!(found, number),
                Err(kind) => blocked(kind),
            },
            (_, anything) => match if anything { map.insert(key, new) } else { map.try_insert(key, new) } {
                Ok(old) => {
                    assert_eq!(old, number);
                    ticking.number.store(new, SeqCst);
                }
                Err(kind) => blocked(kind),
            },
        }
        // It is known, for it was promoted and is never removed.
        if self.done(map.update(UPDATED, |number| number + 1)).is_some() {
            self.updated.fetch_add(1, SeqCst);
        }
        self.ticks.fetch_add(1, SeqCst);
        ticking.armed.store(false, SeqCst);
    }
}

/// One core's part.
struct Member<'a, M> {
    crowd: &'a Crowd<M>,
    map: &'a M,
    core: usize,
    random: u32,
    /// What is the value of its own keys.
    own: [Option<u32>; OWN],
    /// The latest values that it has seen of the others', and how many it has.
    others: [[u32; OWN]; CORES],
    changes: [u32; CORES],
}

impl<'a, M: Subject> Member<'a, M> {
    fn new(crowd: &'a Crowd<M>, core: usize) -> Self {
        let others = [[0; OWN]; CORES];
        Self { crowd, map: &crowd.map, core, random: core as u32 + 1, own: [None; OWN], others, changes: [0; CORES] }
    }

    fn below(&mut self, end: u32) -> u32 {
        // xorshift32
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random % end
    }

    fn work(&mut self) {
        let mut content = false;
        for round in 1.. {
            self.one_round(round * WRITERS + self.core as u32);
            assert!(round < MOST_ROUNDS, "core {}: others have to do something: {:?}", self.core, self.changes);
            let enough = |other| other == self.core || self.changes[other] >= ENOUGH;
            if !content && round >= ROUNDS && (0..CORES).all(enough) {
                content = true;
                self.crowd.content.fetch_add(1, SeqCst);
            }
            if self.crowd.content.load(SeqCst) == CORES {
                break;
            }
            if content {
                cores::pass_turn(); // The others', who may have less of the host's time.
            }
        }
        timer::stop();
        let mine: [_; OWN] = array::from_fn(|i| self.map.get(own(self.core, i)));
        assert_eq!(mine, self.own);
        self.crowd.changes_seen.fetch_add(self.changes.iter().sum(), SeqCst);
    }

    fn one_round(&mut self, new: u32) {
        let ticking = &self.crowd.ticking[self.core];
        if !ticking.armed.load(SeqCst) {
            ticking.random.store(self.below(ANYBODYS - 1) + 1, SeqCst);
            ticking.armed.store(true, SeqCst);
            timer::again(1 + self.below(2_000), Crowd::<M>::tick);
        }
        match self.below(32) {
            0..12 => self.mine(new),
            12..18 => self.watch(),
            18..26 => self.shared(new + ANYBODYS),
            26..30 => self.count_up(),
            30 => self.iterate(),
            _ => match self.below(4) {
                0 => self.map.retain(|number| number < ANYBODYS || number % 3 == 0),
                1 => self.map.promote(),
                _ => self.map.reclaim(),
            },
        }
        self.wait_for_memory();
    }

    fn mine(&mut self, new: u32) {
        let i = self.below(OWN as u32) as usize;
        let (map, key, found) = (self.map, own(self.core, i), self.own[i]);
        match self.below(8) {
            0..3 => {
                let Some(old) = self.crowd.done(map.insert(key, new)) else { return };
                assert_eq!(old, found);
                self.own[i] = Some(new);
            }
            3 => {
                let Some(there) = self.crowd.done(map.get_or_insert(key, new)) else { return };
                assert_eq!(there, found.unwrap_or(new));
                self.own[i] = Some(there);
            }
            4 => {
                let Some(there) = self.crowd.done(map.update(key, |_| new)) else { return };
                assert_eq!(there, found.map(|_| new));
                self.own[i] = there;
            }
            5 => {
                assert!(self.crowd.done(map.compare_exchange(key, new, new)) != Some(true), "it is not there yet");
                let current = found.unwrap_or(1);
                let Some(exchanged) = self.crowd.done(map.compare_exchange(key, current, new)) else { return };
                assert_eq!(exchanged, found.is_some());
                self.own[i] = found.map(|_| new);
            }
            _ => {
                assert_eq!(map.get(key), found);
                assert_eq!(map.remove(key), found);
                assert_eq!(map.get(key), None);
                self.own[i] = None;
            }
        }
        assert_eq!(map.get(key), self.own[i]);
    }

    /// Looks at a key of another core's.
    fn watch(&mut self) {
        let (core, i) = (self.below(CORES as u32) as usize, self.below(OWN as u32) as usize);
        if core != self.core
            && let Some(number) = self.map.get(own(core, i))
        {
            self.see(core, i, number);
        }
    }

    /// A core's numbers only go up.
    fn see(&mut self, core: usize, i: usize, number: u32) {
        let latest = &mut self.others[core][i];
        assert!(number % WRITERS == core as u32 && number >= *latest, "{number} after {latest}");
        self.changes[core] += u32::from(number != *latest);
        *latest = number;
    }

    fn shared(&mut self, new: u32) {
        let key = SHARED + self.below(UPDATED - SHARED);
        let number = match self.below(6) {
            0 | 1 => self.crowd.done(self.map.insert(key, new)).flatten(),
            2 => self.crowd.done(self.map.get_or_insert(key, new)),
            3 => self.map.get(key),
            _ => self.map.remove(key),
        };
        assert!(number.is_none_or(|number| number >= ANYBODYS));
    }

    fn count_up(&mut self) {
        if self.crowd.done(self.map.update(UPDATED, |number| number + 1)).is_some() {
            self.crowd.updated.fetch_add(1, SeqCst);
        }
        let number = self.map.get(EXCHANGED).expect("it is never removed");
        if self.crowd.done(self.map.compare_exchange(EXCHANGED, number, number + 1)) == Some(true) {
            self.crowd.exchanged.fetch_add(1, SeqCst);
        }
    }

    /// Each key comes once at most, and this core's own ones as they are.
    fn iterate(&mut self) {
        let (mut seen, mut mine) = ([None; CAPACITY], [None; OWN]);
        self.map.for_each(|key, number| {
            assert_eq!(seen[key as usize].replace(number), None, "key {key} twice");
        });
        for (core, numbers) in seen.chunks(OWN).take(CORES).enumerate() {
            for (i, number) in numbers.iter().enumerate() {
                match number {
                    _ if core == self.core => mine[i] = *number,
                    Some(number) => self.see(core, i, *number),
                    None => {}
                }
            }
        }
        assert_eq!(mine, self.own);
        assert!(seen[UPDATED as usize].is_some() && seen[EXCHANGED as usize].is_some());
    }

    /// Reading does not keep memory from being freed, though somebody always reads.
    fn wait_for_memory(&mut self) {
        let count = |Garbage { values, entries, tables }| values + entries + tables;
        let garbage = count(self.map.garbage());
        // Each of the others has yet to look, after a round and an interrupt, of which one
        // may have retired most of a map.
        assert!(garbage <= MUCH + CORES * 4 * CAPACITY, "{garbage} objects are not freed");
        self.crowd.most_garbage.fetch_max(garbage, SeqCst);
        for turn in 0.. {
            if count(self.map.garbage()) <= MUCH {
                break;
            }
            assert!(turn < 10_000_000, "{:?} is never freed", self.map.garbage());
            self.map.reclaim();
            assert_eq!(self.map.get(own(self.core, 0)), self.own[0]);
            cores::pass_turn();
        }
    }
}

fn crowd<M: Subject + Sync>() {
    let crowd = Crowd::<M>::new();
    let map = &crowd.map;
    CROWD.store((&raw const crowd).addr(), SeqCst);
    assert_eq!((map.insert(UPDATED, 1), map.insert(EXCHANGED, 1)), (Ok(None), Ok(None)));
    map.promote();

    cores::run(&|core| Member::new(&crowd, core).work());

    let [updated, exchanged] = [&crowd.updated, &crowd.exchanged].map(|count| count.load(SeqCst));
    assert_eq!((map.get(UPDATED), map.get(EXCHANGED)), (Some(1 + updated), Some(1 + exchanged)));
    map.reclaim();
    assert_eq!(map.garbage(), Garbage::default(), "nobody is pinned");
    let mut count = 0;
    map.for_each(|_, _| count += 1);
    assert_eq!((map.len(), living()), (count, count));
    (0..CAPACITY as u32).for_each(|key| assert!(map.insert(key, 1).is_ok(), "there is room for {key}"));
    assert!(!M::FIXED || map.insert(CAPACITY as u32, 1) == Err(ErrorKind::Full));
    map.clear();
    assert_eq!((map.len(), map.garbage(), living()), (0, Garbage::default(), 0));

    let [seen, busy, ticks] = [&crowd.changes_seen, &crowd.busy, &crowd.ticks].map(|count| count.load(SeqCst));
    let garbage = crowd.most_garbage.load(SeqCst);
    note!("{seen} writes of others seen, counted up {updated} and {exchanged} times, {ticks} interrupts");
    note!("at most {garbage} objects not freed yet, busy {busy} times");
    assert!(ticks > 0);
}

#[test]
fn growing_with_a_spinlock() {
    crowd::<SpinGrowing>();
}

#[test]
fn growing_with_critical_sections() {
    crowd::<SectionGrowing>();
}

#[test]
fn fixed_with_a_spinlock() {
    crowd::<SpinFixed>();
}

#[test]
fn fixed_with_critical_sections() {
    crowd::<SectionFixed>();
}
