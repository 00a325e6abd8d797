//! The operations by the names that README.md has for them, the states of a map in which
//! they are watched, and what is seen.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use twinmap::storage::{Heap, Inline, Storage};
use twinmap::{FxBuildHasher, Garbage, SpinLock, TwinMap};

mod counts;

use counts::{Hangs, Key, Lock, Tally, Value, begin, held, tally};

type Map<St> = TwinMap<Key, Value, St, Lock, FxBuildHasher>;

/// Of a `FixedMap`, above the keys that it begins with: `N`, and as many again for `SPARE`.
const ROOM: usize = 8;
pub const SMALL: usize = 100;
pub const LARGE: usize = 2_000;

/// What the maps have under the same name only.
trait Memory: Storage<Key, Value> {
    const GROWS: bool;
    fn insert(map: &Map<Self>, key: Key, value: Value);
    fn get_or_insert(map: &Map<Self>, key: Key, value: Value);
    fn update(map: &Map<Self>, key: &Key);
    fn update_or_insert(map: &Map<Self>, key: Key, value: Value);
}

macro_rules! memory {
    ($storage:ty, $grows:literal $(, $n:ident)?) => {
        impl$(<const $n: usize>)? Memory for $storage {
            const GROWS: bool = $grows;
            fn insert(map: &Map<Self>, key: Key, value: Value) {
                drop(map.insert(key, value));
            }
            fn get_or_insert(map: &Map<Self>, key: Key, value: Value) {
                drop(map.get_or_insert(key, value));
            }
            fn update(map: &Map<Self>, key: &Key) {
                drop(map.update(key, |_| Value(false)));
            }
            fn update_or_insert(map: &Map<Self>, key: Key, value: Value) {
                drop(map.update_or_insert(key, |_| Value(false), value));
            }
        }
    };
}

memory!(Heap<Key, Value>, true);
memory!(Inline<Key, Value, N, ROOM>, false, N);

/// Does what the table calls so.
fn perform<St: Memory>(operation: &str, map: &Map<St>, id: u32) {
    let (key, value) = (Key(id, false), Value(false));
    begin();
    match operation {
        "get" => drop(map.get(&key)),
        "try_get" => drop(map.try_get(&key)),
        "contains_key" => _ = map.contains_key(&key),
        "insert" => St::insert(map, key, value),
        "try_insert" => drop(map.try_insert(key, value)),
        "get_or_insert" => St::get_or_insert(map, key, value),
        "update" => St::update(map, &key),
        "update_or_insert" => St::update_or_insert(map, key, value),
        "try_update_or_insert" => drop(map.try_update_or_insert(key, |_| Value(false), value)),
        "compare_exchange" => _ = map.pin().compare_exchange(&key, &Value(false), value),
        "remove" => drop(map.remove(&key)),
        "try_remove" => drop(map.try_remove(&key)),
        "remove_if" => _ = map.pin().remove_if(&key, |_| true),
        "iter" => _ = map.pin().iter().count(),
        "keys" => _ = map.pin().keys().count(),
        "values" => _ = map.pin().values().count(),
        "retain" => map.pin().retain(|key, _| key.0 != id),
        "promote" => map.promote(),
        "clear" => map.clear(),
        "len" => _ = map.len(),
        "is_empty" => _ = map.is_empty(),
        "garbage" => _ = map.garbage(),
        "pin" => drop(map.pin()),
        "reclaim" => map.reclaim(),
        "dropping a guard of a read" => {
            let guard = (map.get(&key), map.pin());
            begin();
            drop(guard);
        }
        "dropping a guard of a write" => {
            let guard = map.try_insert(key, value).expect("a known key");
            begin();
            drop(guard);
        }
        other => panic!("an operation without a test: {other}"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Which {
    Known,
    Recent,
    Absent,
    /// Known until it was removed.
    Removed,
}

/// The map's other keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Others {
    Known,
    OneRecent,
    /// And the next miss promotes.
    OneMissShort,
    SomeRemoved,
    /// So many that the table is too large.
    MostRemoved,
    /// And promoted, under a pin that is gone: they wait to be freed.
    SomeUnlinked,
    /// Others came for them, until all of a `FixedMap`'s memory was used up.
    SomeReplaced,
}

#[derive(Clone, Copy, Debug)]
pub struct State {
    pub key: Which,
    pub others: Others,
    pub guard: bool,
    pub size: usize,
}

impl State {
    fn all(key: Which) -> impl Iterator<Item = Self> {
        use Others::*;
        let others = [Known, OneRecent, OneMissShort, SomeRemoved, MostRemoved, SomeUnlinked, SomeReplaced];
        others.into_iter().flat_map(move |others| {
            [(false, SMALL), (true, SMALL), (false, LARGE)].map(|(guard, size)| Self { key, others, guard, size })
        })
    }

    pub fn some_recent(self) -> bool {
        self.key == Which::Recent
            || matches!(self.others, Others::OneRecent | Others::OneMissShort | Others::SomeReplaced)
    }

    pub fn some_removed(self) -> bool {
        matches!(self.others, Others::SomeRemoved | Others::MostRemoved | Others::SomeReplaced)
    }

    fn id(self) -> u32 {
        match self.key {
            Which::Known | Which::Removed => 0,
            Which::Recent => 1_000_000,
            Which::Absent => 1_000_001,
        }
    }

    fn bring_about<St: Memory>(self, map: &Map<St>) {
        let put = |id: u32| drop(map.try_insert(Key(id, true), Value(true)).expect("there is room"));
        // Nothing is done about the size yet: that takes the lock.
        let remove = |keys: u32| held(|| (2..2 + keys).for_each(|id| drop(map.remove(&Key(id, false)))));
        let size = self.size as u32;
        (0..size).for_each(put);
        map.promote();
        let pin = (self.others == Others::SomeUnlinked).then(|| map.pin());
        if pin.is_some() {
            remove(size / 8);
            map.promote();
        }
        let recent = [
            (self.key == Which::Recent, self.id()),
            (matches!(self.others, Others::OneRecent | Others::OneMissShort), 2_000_000),
        ];
        let recent = recent.into_iter().filter(|(is_there, _)| *is_there).map(|(_, id)| put(id)).count();
        drop(pin);
        if self.others != Others::SomeUnlinked {
            // The value before last is there to be used again.
            (0..3).for_each(|_| put(1));
        }
        match self.others {
            Others::SomeRemoved => remove(size / 8),
            Others::MostRemoved => remove(size - size / 16),
            Others::SomeReplaced => (0..(2 * ROOM - recent) as u32).for_each(|i| {
                drop(held(|| map.remove(&Key(2 + i, false))));
                put(3_000_000 + i);
            }),
            Others::OneMissShort => (1..map.len()).for_each(|_| drop(map.try_get(&Key(1_000_001, false)))),
            Others::Known | Others::OneRecent | Others::SomeUnlinked => {}
        }
        if self.key == Which::Removed {
            drop(held(|| map.remove(&Key(self.id(), false))));
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Seen<'t> {
    pub operation: &'t str,
    pub state: State,
    pub grows: bool,
    /// What was there before.
    pub len: usize,
    pub waiting: Garbage,
    pub did: Tally,
    /// And when all guards are gone, and `reclaim` was called.
    pub in_the_end: Tally,
    /// How many keys there are afterwards.
    pub left: usize,
    /// While the lock is held.
    pub hangs: bool,
}

fn see<'t, St: Memory>(operation: &'t str, state: State, new: &dyn Fn() -> Box<Map<St>>) -> Seen<'t> {
    let in_state = |f: &mut dyn FnMut(&Map<St>)| {
        let map = new();
        state.bring_about(&map);
        let guard = state.guard.then(|| map.pin());
        if state.guard && St::GROWS {
            // Until nothing is left that could be used again.
            (0..16).for_each(|_| drop(map.try_insert(Key(1, true), Value(true))));
        }
        f(&map);
        drop(guard);
        map.reclaim();
        tally()
    };
    let (mut len, mut waiting, mut did) = (0, Garbage::default(), Tally::default());
    let (mut left, mut hangs) = (0, false);
    let in_the_end = in_state(&mut |map| {
        (len, waiting) = (map.len(), map.garbage());
        let promotions = map.promotions();
        perform(operation, map, state.id());
        did = tally();
        let promotes =
            St::GROWS && (operation, state.key, state.others) == ("get", Which::Absent, Others::OneMissShort);
        assert!(!promotes || map.promotions() != promotions, "the map was not in the state: {state:?}");
        left = map.len();
    });
    if state.size == SMALL {
        in_state(&mut |map| {
            let done = held(|| catch_unwind(AssertUnwindSafe(|| perform(operation, map, state.id()))));
            hangs = done.is_err_and(|panic| panic.is::<Hangs>() || resume_unwind(panic));
        });
    }
    Seen { operation, state, grows: St::GROWS, len, waiting, did, in_the_end, left, hangs }
}

/// An operation of one map, in all states.
pub fn see_all<'t>(operation: &'t str, keys: &[Which], grows: bool) -> Vec<Seen<'t>> {
    fn new<St: Memory>() -> Box<Map<St>> {
        Box::new(Map::with_lock(Lock(SpinLock::new())))
    }
    let see = |state: State| match (grows, state.size) {
        (true, _) => see::<Heap<Key, Value>>(operation, state, &new),
        (false, SMALL) => see::<Inline<Key, Value, { SMALL + ROOM }, ROOM>>(operation, state, &new),
        (false, _) => see::<Inline<Key, Value, { LARGE + ROOM }, ROOM>>(operation, state, &new),
    };
    keys.iter().flat_map(|&key| State::all(key)).map(see).collect()
}

impl Seen<'_> {
    pub fn is_any_of(&self, operations: &[&str]) -> bool {
        operations.contains(&self.operation)
    }

    /// Some keys are only found under the lock. In a `FixedMap`, all are known.
    pub fn some_recent(&self) -> bool {
        self.grows && self.state.some_recent()
    }

    /// Nothing but these takes the lock of a `FixedMap` other than by trying: what the table says
    /// of recent keys is not seen of it.
    pub fn never_waits(&self) -> bool {
        let waiting = ["insert", "get_or_insert", "update_or_insert", "promote", "clear"];
        !self.grows && !self.is_any_of(&waiting)
    }

    /// Of a removal that leaves a table much too large, or in a `FixedMap` an entry: what footnote 5 is about.
    pub fn tidies(&self) -> bool {
        let removes = self.is_any_of(&["remove", "try_remove", "remove_if", "retain"]);
        removes && if self.grows { self.state.others == Others::MostRemoved } else { self.left < self.len }
    }

    /// New keys find memory used up by removed ones: what footnote 7 is about.
    pub fn is_used_up(&self) -> bool {
        !self.grows && self.state.others == Others::SomeReplaced
    }

    /// The values that it took out of the map, and no others.
    pub fn unlinks(&self, values: usize) -> bool {
        let pinned = self.state.guard || self.is_any_of(&["compare_exchange", "remove_if", "retain"]);
        let freed = if pinned { 0 } else { values };
        let others_wait = self.waiting.values != 0;
        self.in_the_end.values - self.waiting.values == values && (self.did.values == freed || others_wait)
    }

    pub fn frees_nothing(&self) -> bool {
        let Tally { frees, keys, values, .. } = self.did;
        (frees, keys, values) == (0, 0, 0)
    }

    pub fn changes(&self) -> bool {
        self.left != self.len || !self.unlinks(0)
    }

    /// Whatever the size of the map. (What waits for a guard can be any number, and does not count.)
    pub fn is_constant(&self) -> bool {
        let Tally { waits, tries, probes, allocations, frees, keys, values } = self.did;
        let freed = if self.waiting == Garbage::default() { frees + keys + values } else { 0 };
        waits + tries + probes + allocations + freed <= 40
    }
}
