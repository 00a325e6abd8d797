//! Operations, what came of them, and what would have come of them one after the other.

use twinmap::ErrorKind;

use crate::subject::{CAPACITY, Result, Subject};

/// Keys are below.
pub const KEYS: usize = 24;

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Get(u32),
    Insert(u32, u32),
    GetOrInsert(u32, u32),
    /// By one.
    Update(u32),
    /// By one.
    UpdateOrInsert(u32, u32),
    CompareExchange(u32, u32, u32),
    Remove(u32),
    RemoveIfOdd(u32),
    TryGet(u32),
    TryInsert(u32, u32),
    /// By one.
    TryUpdateOrInsert(u32, u32),
    TryRemove(u32),
    Iterate,
    /// Keeps odd numbers.
    Retain,
    Clear,
    Promote,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The value that was there, or that is.
    Number(Option<u32>),
    Exchanged(bool),
    /// The keys that were seen, as bits.
    Seen(u32),
    Done,
    Refused(ErrorKind),
}

pub fn perform<M: Subject>(map: &M, op: Op) -> Outcome {
    let number = |result: Result<_>| result.map_or_else(Outcome::Refused, Outcome::Number);
    match op {
        Op::Get(key) => Outcome::Number(map.get(key)),
        Op::Insert(key, new) => number(map.insert(key, new)),
        Op::GetOrInsert(key, new) => number(map.get_or_insert(key, new).map(Some)),
        Op::Update(key) => number(map.update(key, |number| number + 1)),
        Op::UpdateOrInsert(key, new) => number(map.update_or_insert(key, |number| number + 1, new).map(Some)),
        Op::CompareExchange(key, current, new) => {
            map.compare_exchange(key, current, new).map_or_else(Outcome::Refused, Outcome::Exchanged)
        }
        Op::Remove(key) => Outcome::Number(map.remove(key)),
        Op::RemoveIfOdd(key) => Outcome::Number(map.remove_if(key, |number| number % 2 == 1)),
        Op::TryGet(key) => number(map.try_get(key)),
        Op::TryInsert(key, new) => number(map.try_insert(key, new)),
        Op::TryUpdateOrInsert(key, new) => number(map.try_update_or_insert(key, |number| number + 1, new).map(Some)),
        Op::TryRemove(key) => number(map.try_remove(key)),
        Op::Iterate => {
            let mut seen = 0;
            map.for_each(|key, _| {
                assert!(seen & 1 << key == 0, "key {key} twice");
                seen |= 1 << key;
            });
            Outcome::Seen(seen)
        }
        Op::Retain => {
            map.retain(|number| number % 2 == 1);
            Outcome::Done
        }
        Op::Clear => {
            map.clear();
            Outcome::Done
        }
        Op::Promote => {
            map.promote();
            Outcome::Done
        }
    }
}

impl Op {
    fn key(self) -> Option<u32> {
        match self {
            Op::Get(key) | Op::Insert(key, _) | Op::GetOrInsert(key, _) | Op::Update(key) => Some(key),
            Op::UpdateOrInsert(key, _) | Op::CompareExchange(key, ..) | Op::Remove(key) | Op::RemoveIfOdd(key) => {
                Some(key)
            }
            Op::TryGet(key) | Op::TryInsert(key, _) | Op::TryUpdateOrInsert(key, _) | Op::TryRemove(key) => Some(key),
            Op::Iterate | Op::Retain | Op::Clear | Op::Promote => None,
        }
    }

    /// Whether it is one step for all keys together. Otherwise it is one for each key by itself.
    pub fn is_atomic(self) -> bool {
        !matches!(self, Op::Iterate | Op::Retain | Op::Clear)
    }
}

/// What a map holds, and what it does; 0 stands for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contents([u32; KEYS]);

/// Every key.
pub const ALL: u32 = u32::MAX;

impl Contents {
    /// By iteration.
    pub fn of(map: &impl Subject) -> Self {
        let mut contents = Self::default();
        map.for_each(|key, number| contents.0[key as usize] = number);
        contents
    }

    pub fn len(&self) -> usize {
        self.0.iter().filter(|&&number| number != 0).count()
    }

    pub fn number(&self, key: u32) -> Option<u32> {
        Some(self.0[key as usize]).filter(|&number| number != 0)
    }

    pub fn agrees(&self, other: &Self, keys: u32) -> bool {
        (0..KEYS).all(|key| keys & 1 << key == 0 || self.0[key] == other.0[key])
    }

    /// Does `op`; whether it comes to `outcome`, as far as `keys` are concerned.
    pub fn replay(&mut self, op: Op, outcome: Outcome, keys: u32) -> bool {
        if op.key().is_some_and(|key| keys & 1 << key == 0) {
            return true;
        }
        let found = op.key().and_then(|key| self.number(key));
        if let Outcome::Refused(kind) = outcome {
            return match kind {
                // It was the other one's doing, and nothing came of it.
                ErrorKind::WouldBlock | ErrorKind::Busy => true,
                ErrorKind::Full => keys != ALL || (found.is_none() && self.len() == CAPACITY),
                _ => false,
            };
        }
        match op {
            Op::Get(_) | Op::TryGet(_) => outcome == Outcome::Number(found),
            Op::Insert(key, new) | Op::TryInsert(key, new) => {
                self.0[key as usize] = new;
                outcome == Outcome::Number(found)
            }
            Op::GetOrInsert(key, new) => {
                self.0[key as usize] = found.unwrap_or(new);
                outcome == Outcome::Number(self.number(key))
            }
            Op::Update(key) => {
                self.0[key as usize] = found.map_or(0, |number| number + 1);
                outcome == Outcome::Number(self.number(key))
            }
            Op::UpdateOrInsert(key, new) | Op::TryUpdateOrInsert(key, new) => {
                self.0[key as usize] = found.map_or(new, |number| number + 1);
                outcome == Outcome::Number(self.number(key))
            }
            Op::CompareExchange(key, current, new) => {
                let exchanged = found == Some(current);
                if exchanged {
                    self.0[key as usize] = new;
                }
                outcome == Outcome::Exchanged(exchanged)
            }
            Op::Remove(key) | Op::TryRemove(key) => {
                self.0[key as usize] = 0;
                outcome == Outcome::Number(found)
            }
            Op::RemoveIfOdd(key) => {
                let removed = found.filter(|number| number % 2 == 1);
                if removed.is_some() {
                    self.0[key as usize] = 0;
                }
                outcome == Outcome::Number(removed)
            }
            Op::Iterate => {
                let there = (0..KEYS).filter(|&key| self.0[key] != 0).fold(0, |bits, key| bits | 1 << key);
                matches!(outcome, Outcome::Seen(seen) if seen & keys == there & keys)
            }
            Op::Retain | Op::Clear => {
                let goes = |number: &&mut u32| matches!(op, Op::Clear) || number.is_multiple_of(2);
                self.0.iter_mut().filter(goes).for_each(|number| *number = 0);
                true
            }
            Op::Promote => true,
        }
    }
}
