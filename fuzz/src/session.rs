//! Steps on a map and on a model.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;

use twinmap::{CompareExchangeError, ErrorKind, InsertError, Ref};

use crate::alloc::{failing_nth, usage};
use crate::held::Held;
use crate::item::{CENSUS, Item, item, may_panic, with_fuse};
use crate::script::{Fault, KEYS, Op, Step, Through};
use crate::view::{Found, Lock, Map, Subject, View};

/// The values of the keys.
type Model = BTreeMap<u32, u32>;

/// So many guards are held at most, and so many `Ref`s.
const MOST_HELD: usize = 4;
/// A key that no step has.
const PROBE: u32 = KEYS;
/// New values of a step are so many at most.
const VALUES: u32 = 2 * KEYS;

/// Runs the steps on a new map.
pub fn run_on<St: Subject, L: Lock>(steps: &[Step]) {
    let start = usage();
    let (mut map, mut model) = (Map::<St, L>::default(), Model::new());
    let mut steps = (1..).zip(steps).peekable();
    while steps.peek().is_some() {
        let mut session = Session::new(&map, &mut model);
        while let Some((i, step)) = steps.next_if(|(_, step)| !step.op.is_exclusive()) {
            session.step(step, i * VALUES);
        }
        drop(session);
        if let Some((i, step)) = steps.next() {
            exclusive_step(&mut map, &mut model, step, i * VALUES);
        }
    }
    Session::new(&map, &mut model).check_all();
    map.reclaim();
    assert!(map.garbage().is_empty(), "{:?}", map.garbage());
    map.promote();
    assert_eq!(CENSUS.live(), 2 * map.len(), "leaked, or lost");
    drop(map);
    drop(model);
    CENSUS.assert_all_dropped();
    assert_eq!(usage().live_since(start), 0, "leaked");
}

/// Runs a step with its fault. Whether it came to the end.
fn attempt(step: &Step, f: impl FnOnce()) -> bool {
    if let Some(Fault::Panic(after)) = step.fault {
        return with_fuse(after, f);
    }
    f();
    true
}

fn id(found: &Option<Found>) -> Option<u32> {
    found.as_ref().map(|value| value.id())
}

/// A step that needs the map for itself.
fn exclusive_step<St: Subject, L: Lock>(map: &mut Map<St, L>, model: &mut Model, step: &Step, fresh: u32) {
    let to_the_end = attempt(step, || exclusive(map, model, step, fresh));
    Session::new(map, model).end(step, fresh, to_the_end);
}

fn exclusive<St: Subject, L: Lock>(map: &mut Map<St, L>, model: &mut Model, step: &Step, fresh: u32) {
    let most = if step.flag { usize::MAX } else { 2 };
    match step.op {
        Op::GetMut => {
            let old = map.get_mut(&item(step.key)).map(|value| mem::replace(value, item(fresh)).id());
            assert_eq!(old, model.get(&step.key).copied());
            model.entry(step.key).and_modify(|value| *value = fresh);
        }
        Op::IterMut => {
            assert_eq!(map.iter_mut().len(), model.len());
            let mut seen = Model::new();
            for (key, value) in map.iter_mut() {
                seen.insert(key.id(), value.id());
                *value = item(fresh + key.id());
            }
            assert_eq!(seen, *model);
            model.iter_mut().for_each(|(key, value)| *value = fresh + key);
        }
        Op::Drain => {
            let drain = map.drain();
            assert_eq!(drain.len(), model.len());
            assert_part(drain.take(most), model, most);
            // What was not taken out is gone as well.
            model.clear();
        }
        _ => {
            let items = mem::take(map).into_iter();
            assert_eq!(items.len(), model.len());
            assert_part(items.take(most), model, most);
            *map = St::collect(model.iter().map(|(&key, &value)| (item(key), item(value))));
        }
    }
}

/// The items are of the model, and as many as there may be.
fn assert_part(items: impl Iterator<Item = (Item, Item)>, model: &Model, most: usize) {
    let part: Model = items.map(|(key, value)| (key.id(), value.id())).collect();
    assert_eq!(part.len(), most.min(model.len()));
    assert!(part.iter().all(|(key, value)| model.get(key) == Some(value)), "{part:?} of {model:?}");
}

/// Steps on a map that others see.
struct Session<'m, 'a, St: Subject, L> {
    map: &'m Map<St, L>,
    model: &'a mut Model,
    guards: Vec<Held<'m, St, L>>,
    refs: Vec<(Ref<'m, Item, Item>, u32)>,
    /// Whether the allocator has failed in this step.
    failed: Cell<bool>,
}

impl<'m, 'a, St: Subject, L: Lock> Session<'m, 'a, St, L> {
    fn new(map: &'m Map<St, L>, model: &'a mut Model) -> Self {
        Self { map, model, guards: Vec::new(), refs: Vec::new(), failed: Cell::new(false) }
    }

    fn step(&mut self, step: &Step, fresh: u32) {
        self.failed.set(false);
        // Here, for a destructor that panics where a `Ref` is returned has it forgotten, by the language.
        let key = item(step.key);
        let to_the_end = attempt(step, || self.perform(step, &key, fresh));
        self.end(step, fresh, to_the_end);
    }

    /// What has to be true after a step.
    fn end(&mut self, step: &Step, fresh: u32, to_the_end: bool) {
        if !to_the_end {
            self.adopt(step, fresh);
        }
        if step.fault.is_some() {
            // Should the map be locked, the first says so.
            let probe = |op| Step { op, key: PROBE, through: Through::Map, keep: false, flag: false, fault: None };
            self.perform(&probe(Op::TryInsert), &item(PROBE), fresh);
            self.perform(&probe(Op::Remove), &item(PROBE), fresh);
        }
        assert_eq!((self.map.len(), self.map.is_empty()), (self.model.len(), self.model.is_empty()));
        assert_eq!(St::is_full(self.map), St::CAPACITY == Some(self.model.len()));
        assert!(St::CAPACITY.is_none_or(|capacity| self.model.len() <= capacity));
        self.guards.iter().for_each(Held::check);
        self.refs.iter().for_each(|(value, id)| assert_eq!(value.id(), *id));
    }

    /// After a panic: what the step was about is as it was, or as it was to be; and the rest is as it was.
    fn adopt(&mut self, step: &Step, fresh: u32) {
        for key in 0..KEYS {
            let was = self.model.get(&key).copied();
            let is = self.map.try_get(&item(key)).expect("it is locked").map(|value| value.id());
            let may_be = match is {
                None => step.op.may_remove(),
                Some(value) => step.op.may_store() && (fresh..fresh + VALUES).contains(&value),
            };
            assert!(is == was || may_be && step.op.may_change(key == step.key), "{key}: {was:?}, now {is:?}");
            self.set(key, is);
        }
    }

    fn set(&mut self, key: u32, value: Option<u32>) {
        match value {
            Some(value) => drop(self.model.insert(key, value)),
            None => {
                self.model.remove(&key);
                self.guards.iter_mut().filter_map(|held| held.walk.as_mut()).for_each(|walk| walk.excuse(key));
            }
        }
    }

    /// The guard for a step, if it is to have one; and whether that is a new one.
    fn choose(&mut self, step: &Step) -> (Option<usize>, bool) {
        match step.through {
            // (It may close the guard.)
            _ if step.op.is_on_map() => (None, false),
            Through::Guard(i) if !self.guards.is_empty() => (Some(i % self.guards.len()), false),
            Through::Map | Through::Guard(_) if !step.op.is_on_guard() => (None, false),
            _ => {
                let is_new = self.pin();
                (Some(self.guards.len() - 1), is_new)
            }
        }
    }

    fn pin(&mut self) -> bool {
        let is_new = self.guards.len() < MOST_HELD;
        if is_new {
            self.guards.push(Held::new(self.map));
        }
        is_new
    }

    fn is_pinned(&self) -> bool {
        !self.guards.is_empty() || !self.refs.is_empty()
    }

    /// Calls the map, with the allocator failing as the step says.
    fn call<R>(&self, step: &Step, f: impl FnOnce() -> R) -> R {
        let Some(Fault::Memory { after, one }) = step.fault else { return f() };
        let (result, failed) = failing_nth(after, one, f);
        assert!(!failed || St::CAPACITY.is_none(), "a fixed map has allocated");
        self.failed.set(failed);
        result
    }

    /// A key may be refused for this reason only, while somebody is pinned or not.
    fn check_refusal(&self, kind: ErrorKind, key: u32, pinned: bool) {
        let full = St::CAPACITY == Some(self.model.len()) && !self.model.contains_key(&key);
        let right = match kind {
            ErrorKind::Full => full,
            ErrorKind::Busy => St::CAPACITY.is_some() && !full && pinned,
            ErrorKind::OutOfMemory => St::CAPACITY.is_none() && self.failed.get(),
            _ => false, // Nobody else has the lock.
        };
        assert!(right, "{kind:?}: {} keys, key {key}, pinned: {pinned}, {:?}", self.model.len(), self.map.garbage());
    }

    /// What user code does that is called by an operation: it overtakes that.
    fn overtake(&self, key: u32, value: u32) -> Option<u32> {
        match self.map.try_insert(item(key), item(value)) {
            Ok(_) => return Some(value),
            Err(error) => self.check_refusal(error.kind, key, true),
        }
        None
    }

    fn perform(&mut self, step: &Step, k: &Item, fresh: u32) {
        let (at, is_new) = self.choose(step);
        let found = match at {
            Some(at) if step.op.is_on_guard() => self.on_guard(step, k, fresh, at),
            Some(at) => self.on_view(step, k, fresh, St::guard(self.guards[at].guard())),
            None => self.on_view(step, k, fresh, St::map(self.map)),
        };
        match (found, at) {
            (Some(Found::Guarded(value)), Some(at)) => self.guards[at].see(value),
            (Some(Found::Ref(value)), _) if step.keep && self.refs.len() < MOST_HELD => {
                let id = value.id();
                self.refs.push((value, id));
            }
            _ => {}
        }
        if is_new && !step.keep {
            self.guards.pop();
        }
    }

    /// What maps and guards have.
    fn on_view(&mut self, step: &Step, k: &Item, fresh: u32, view: &'m dyn View<'m>) -> Option<Found<'m>> {
        let Step { op, key, .. } = *step;
        let before = self.model.get(&key).copied();
        let found = match op {
            Op::Get => self.call(step, || view.get(k)),
            Op::TryGet => self.call(step, || view.try_get(k)).expect("nobody has the lock"),
            Op::ContainsKey => {
                assert_eq!(view.contains_key(k), before.is_some());
                return None;
            }
            Op::Insert => return self.inserted(view.insert(item(key), item(fresh)), key, fresh),
            Op::TryInsert => {
                let (k, new) = (item(key), item(fresh));
                let inserted = self.call(step, || view.try_insert(k, new));
                return self.inserted(inserted, key, fresh);
            }
            Op::GetOrInsert => return self.found_or_inserted(view.get_or_insert(item(key), item(fresh)), key, fresh),
            Op::GetOrInsertWith => return self.get_or_insert_with(step, fresh, view),
            Op::Update => return self.update(step, k, fresh, view),
            Op::UpdateOrInsert => return self.update_or_insert(step, fresh, view),
            Op::Remove | Op::TryRemove => {
                let old = match op {
                    Op::Remove => self.call(step, || view.remove(k)),
                    _ => self.call(step, || view.try_remove(k)).expect("nobody has the lock"),
                };
                self.set(key, None);
                old
            }
            _ => {
                self.on_all(step, fresh, view);
                return None;
            }
        };
        assert_eq!(id(&found), before);
        found
    }

    fn inserted(
        &mut self,
        result: Result<Option<Found<'m>>, InsertError<Item, Item>>,
        key: u32,
        value: u32,
    ) -> Option<Found<'m>> {
        match result {
            Ok(old) => {
                assert_eq!(id(&old), self.model.get(&key).copied());
                self.set(key, Some(value));
                old
            }
            Err(error) => {
                self.refused(error, key, value);
                None
            }
        }
    }

    fn found_or_inserted(
        &mut self,
        result: Result<Found<'m>, InsertError<Item, Item>>,
        key: u32,
        value: u32,
    ) -> Option<Found<'m>> {
        let before = self.model.get(&key).copied();
        match result {
            Ok(found) => {
                assert_eq!(found.id(), before.unwrap_or(value));
                self.set(key, Some(found.id()));
                Some(found)
            }
            Err(error) => {
                assert_eq!(before, None, "what is there needs no room");
                self.refused(error, key, value);
                None
            }
        }
    }

    /// The error hands back what was not inserted.
    fn refused(&self, error: InsertError<Item, Item>, key: u32, value: u32) {
        assert_eq!((error.key.id(), error.value.id()), (key, value));
        self.check_refusal(error.kind, key, self.is_pinned());
    }

    fn get_or_insert_with(&mut self, step: &Step, fresh: u32, view: &'m dyn View<'m>) -> Option<Found<'m>> {
        let (mut calls, mut overtaken) = (0, None);
        let result = view.get_or_insert_with(item(step.key), &mut || {
            may_panic();
            calls += 1;
            if step.flag {
                overtaken = self.overtake(step.key, fresh + 1);
            }
            item(fresh)
        });
        assert_eq!(calls, usize::from(!self.model.contains_key(&step.key)));
        if overtaken.is_some() {
            self.set(step.key, overtaken);
        }
        self.found_or_inserted(result, step.key, fresh)
    }

    fn update_or_insert(&mut self, step: &Step, fresh: u32, view: &'m dyn View<'m>) -> Option<Found<'m>> {
        let key = step.key;
        let before = self.model.get(&key).copied();
        // Made before the allocator may fail.
        let (k, mut updated, inserted) = (item(key), Some(item(fresh + 1)), item(fresh));
        let mut f = |value: &Item| {
            may_panic();
            assert_eq!(Some(value.id()), before);
            updated.take().expect("nobody overtakes it")
        };
        let result = match step.flag {
            true => self.call(step, || view.try_update_or_insert(k, &mut f, inserted)),
            false => view.update_or_insert(k, &mut f, inserted),
        };
        // Before what was found is returned, as in `step`.
        drop(updated);
        match result {
            Ok(new) => {
                assert_eq!(new.id(), if before.is_some() { fresh + 1 } else { fresh });
                self.set(key, Some(new.id()));
                Some(new)
            }
            Err(error) => {
                self.refused(error, key, fresh);
                None
            }
        }
    }

    fn update(&mut self, step: &Step, k: &Item, fresh: u32, view: &'m dyn View<'m>) -> Option<Found<'m>> {
        let before = self.model.get(&step.key).copied();
        let (mut calls, mut overtaken) = (0, None);
        let result = view.update(k, &mut |value| {
            may_panic();
            calls += 1;
            assert_eq!(Some(value.id()), overtaken.or(before));
            if step.flag && calls == 1 {
                overtaken = self.overtake(step.key, fresh + 1);
            }
            item(fresh)
        });
        match result {
            Ok(new) => {
                assert_eq!(id(&new), before.map(|_| fresh));
                assert_eq!(calls, usize::from(before.is_some()) + usize::from(overtaken.is_some()));
                if new.is_some() {
                    self.set(step.key, Some(fresh));
                }
                new
            }
            Err(kind) => {
                assert_eq!((before.is_some(), calls), (true, 0));
                self.check_refusal(kind, step.key, self.is_pinned());
                None
            }
        }
    }

    /// What is not about one key.
    fn on_all(&mut self, step: &Step, fresh: u32, view: &'m dyn View<'m>) {
        let which = step.key as usize;
        match step.op {
            Op::Clear => {
                self.call(step, || view.clear());
                (0..KEYS).for_each(|key| self.set(key, None));
            }
            Op::Promote => self.call(step, || view.promote()),
            Op::Reclaim => {
                view.reclaim();
                assert!(self.is_pinned() || self.map.garbage().is_empty(), "{:?}", self.map.garbage());
            }
            Op::Iterate if step.flag => {
                assert_eq!(format!("{view:?}").matches(": ").count(), self.model.len());
            }
            Op::Iterate => self.check_all(),
            Op::Extend => self.extend(step, fresh),
            Op::Pin => drop(self.pin()),
            Op::Unpin if !self.guards.is_empty() => drop(self.guards.swap_remove(which % self.guards.len())),
            Op::DropRef if !self.refs.is_empty() => drop(self.refs.swap_remove(which % self.refs.len())),
            _ => {}
        }
        assert_eq!((view.len(), view.is_empty()), (self.model.len(), self.model.is_empty()));
    }

    fn extend(&mut self, step: &Step, fresh: u32) {
        let len = if step.flag { KEYS / 2 } else { 2 };
        // Where there is no room it panics, as it says.
        if St::CAPACITY.is_none_or(|n| !self.is_pinned() && self.model.len() + len as usize <= n) {
            let more = (0..len).map(|i| ((step.key + i) % KEYS, fresh + i));
            let mut map = self.map;
            map.extend(more.clone().map(|(key, value)| (item(key), item(value))));
            more.for_each(|(key, value)| self.set(key, Some(value)));
        }
    }

    /// What guards have only.
    fn on_guard(&mut self, step: &Step, k: &Item, fresh: u32, at: usize) -> Option<Found<'m>> {
        let Step { op, key, flag, .. } = *step;
        let guard = self.guards[at].guard();
        let before = self.model.get(&key).copied();
        let found = match op {
            Op::GetKeyValue => {
                let found = self.call(step, || guard.get_key_value(k));
                assert_eq!(found.map(|(key, value)| (key.id(), value.id())), before.map(|value| (key, value)));
                found.map(|(_, value)| value)
            }
            Op::CompareExchange => {
                let (expected, new) = (item(if flag { u32::MAX } else { before.unwrap_or(0) }), item(fresh));
                match self.call(step, || guard.compare_exchange(k, &expected, new)) {
                    Ok(old) => {
                        assert!(!flag);
                        self.set(key, Some(fresh));
                        Some(old)
                    }
                    Err(CompareExchangeError { new, found, kind }) => {
                        assert_eq!(new.id(), fresh);
                        assert_eq!(kind.is_none(), flag || before.is_none());
                        kind.into_iter().for_each(|kind| self.check_refusal(kind, key, true));
                        found
                    }
                }
            }
            Op::RemoveIf => {
                let says = |value: &Item| {
                    may_panic();
                    assert_eq!(Some(value.id()), before);
                    !flag
                };
                let removed = self.call(step, || guard.remove_if(k, says));
                assert_eq!(removed.is_some(), before.is_some() && !flag);
                if !flag {
                    self.set(key, None);
                }
                return removed.map(Found::Guarded);
            }
            Op::RemoveOvertaken => {
                let mut overtaken = None;
                let removed = guard.remove_if(k, |value| {
                    may_panic();
                    assert_eq!(Some(value.id()), overtaken.or(before));
                    overtaken = overtaken.or_else(|| self.overtake(key, fresh));
                    true
                });
                assert_eq!(removed.map(Item::id), overtaken.or(before));
                self.set(key, None);
                return removed.map(Found::Guarded);
            }
            Op::Retain => {
                let stays = |key: u32| (key % 2 == 1) == flag;
                let model = &*self.model;
                let keep = |key: &Item, value: &Item| {
                    may_panic();
                    assert_eq!(model.get(&key.id()), Some(&value.id()));
                    stays(key.id())
                };
                self.call(step, || guard.retain(keep));
                (0..KEYS).filter(|&key| !stays(key)).for_each(|key| self.set(key, None));
                return None;
            }
            _ => {
                self.walk(at, flag);
                return None;
            }
        };
        assert_eq!(found.map(Item::id), before);
        found.map(Found::Guarded)
    }

    fn walk(&mut self, at: usize, to_the_end: bool) {
        let held = &mut self.guards[at];
        let Some(walk) = &mut held.walk else { return held.begin_walk(self.model.keys().copied()) };
        while let Some((key, value)) = walk.next() {
            assert_eq!(self.model.get(&key), Some(&value));
            if !to_the_end {
                return;
            }
        }
        held.walk = None;
    }

    /// All that can be asked. This makes the map promote.
    fn check_all(&self) {
        let guard = self.map.pin();
        let items: Vec<(u32, u32)> = guard.iter().map(|(key, value)| (key.id(), value.id())).collect();
        assert_eq!(items.len(), self.model.len());
        assert_eq!(items.iter().copied().collect::<Model>(), *self.model);
        assert!(guard.keys().map(Item::id).eq(items.iter().map(|(key, _)| *key)));
        assert!(guard.values().map(Item::id).eq(items.iter().map(|(_, value)| *value)));
        for key in 0..KEYS {
            assert_eq!(self.map.get(&item(key)).map(|value| value.id()), self.model.get(&key).copied());
        }
    }
}
