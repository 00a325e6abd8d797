//! Keys whose `Hash` and `Eq` say something else each time: wrong answers at worst. Miri sees more here than the
//! assertions do.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::thread;

use super::tracked::{Census, Tracked};
use super::{Random, count};
use crate::{GROWS, Map};

thread_local! {
    static RANDOM: RefCell<Random> = RefCell::new(Random::new(1));
}

fn below(end: u64) -> u64 {
    RANDOM.with_borrow_mut(|random| random.below(end))
}

/// `LIES`: how often, in percent, it is not honest.
struct Liar<const LIES: u64>(Tracked);

impl<const LIES: u64> PartialEq for Liar<LIES> {
    fn eq(&self, other: &Self) -> bool {
        (self.0 == other.0) != (below(100) < LIES)
    }
}

impl<const LIES: u64> Eq for Liar<LIES> {}

impl<const LIES: u64> Hash for Liar<LIES> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let lie = if below(100) < LIES { below(4) } else { 0 };
        // Few hashes, so that there is much to compare.
        state.write_u64(u64::from(self.0.id()) % 4 + lie);
    }
}

fn anything<const LIES: u64>(map: &Map<Liar<LIES>, Tracked>, census: &'static Census) {
    let id = below(24) as u32;
    let (key, value) = (Liar(census.track(id)), census.track(id));
    match below(40) {
        0..10 => drop(map.insert(key, value).map(|old| old.id())),
        10..12 => drop(map.try_insert(key, value)),
        12..20 => drop(map.remove(&key).map(|old| old.id())),
        20..22 => drop(map.get_or_insert(key, value).id()),
        22..24 => drop(map.update(&key, |old| census.track(old.id()))),
        24..26 => drop(map.pin().compare_exchange(&key, &census.track(id), value)),
        26..28 => drop(map.pin().remove_if(&key, |old| old.id() % 2 == 0)),
        28..32 => drop(map.get(&key).map(|value| value.id())),
        32..35 => map.promote(),
        35 if below(10) == 0 => map.clear(),
        36 => map.pin().retain(|key, _| key.0.id() % 5 != 0),
        _ => assert!(map.pin().iter().all(|(key, value)| key.0.id() < 24 && value.id() < 24)),
    }
}

fn lie<const LIES: u64>(census: &'static Census) {
    for threads in [1, 3] {
        let mut map = Map::<Liar<LIES>, Tracked>::default();
        thread::scope(|scope| {
            for thread in 0..threads {
                let map = &map;
                scope.spawn(move || {
                    RANDOM.set(Random::new(LIES + thread));
                    (0..count(10_000, if GROWS { 150 } else { 40 })).for_each(|_| anything(map, census));
                });
            }
        });
        assert_eq!(map.promotions() > 3, GROWS);
        // Whatever is in it: it is there once.
        map.promote();
        map.reclaim();
        let len = map.len();
        assert_eq!((map.pin().iter().count(), census.live()), (len, 2 * len));
        assert_eq!(map.drain().count(), len);
        drop(map);
        census.assert_all_dropped();
    }
}

thread_local! {
    /// After so many comparisons, no two keys are equal.
    static HONEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

struct Moody(Tracked);

impl PartialEq for Moody {
    fn eq(&self, other: &Self) -> bool {
        let honest = HONEST.replace(HONEST.get().saturating_sub(1)) > 0;
        honest && self.0 == other.0
    }
}

impl Eq for Moody {}

impl Hash for Moody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

/// The entry of a removed key is in both tables, and `Eq` stops finding it at any point of the store that follows.
#[test]
fn a_key_that_is_not_found_again_is_not_freed_while_it_is_in_a_table() {
    static CENSUS: Census = Census::new();
    for honest in 0..12 {
        HONEST.set(usize::MAX);
        let map = Map::<Moody, Tracked>::default();
        let insert = |id| drop(map.insert(Moody(CENSUS.track(id)), CENSUS.track(id)));
        insert(1);
        map.promote();
        insert(2);
        map.remove(&Moody(CENSUS.track(1)));
        HONEST.set(honest);
        insert(1);
        HONEST.set(usize::MAX);
        map.promote();
        map.reclaim();
        assert_eq!(map.pin().iter().map(|(key, value)| key.0.id() + value.id()).sum::<u32>(), 2 + 4);
        assert!(map.get(&Moody(CENSUS.track(1))).is_some());
        drop(map);
        CENSUS.assert_all_dropped();
    }
}

#[test]
fn inconsistent_hash_and_eq_are_not_unsound() {
    static CENSUS: Census = Census::new();
    lie::<2>(&CENSUS);
    lie::<20>(&CENSUS);
    lie::<50>(&CENSUS);
}
