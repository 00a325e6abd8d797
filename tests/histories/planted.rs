//! Maps with a fault, each of which the checker of histories has to find.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::{Map, Subject, thread};
use crate::sequential::{KEYS, Op, updated};

/// A lookup returns, now and then, what one before it returned, however long ago.
#[derive(Default)]
pub struct StaleRead {
    map: Map,
    /// What was last read of each key, plus one.
    seen: [AtomicU64; KEYS],
}

impl Subject for StaleRead {
    fn apply(&self, op: Op, variant: u64) -> Option<Option<u32>> {
        let Op::Get(key) = op else { return self.map.apply(op, variant) };
        let seen = &self.seen[key];
        if variant == 0 && seen.load(SeqCst) != 0 {
            return Some(Some((seen.load(SeqCst) - 1) as u32));
        }
        let returned = self.map.apply(op, 1)?;
        seen.store(returned.map_or(0, |value| u64::from(value) + 1), SeqCst);
        Some(returned)
    }

    fn force_promotion(&self) {
        self.map.force_promotion();
    }
}

/// An update stores what it has computed of a value that may have been replaced since.
#[derive(Default)]
pub struct LostUpdate(Map);

impl Subject for LostUpdate {
    fn apply(&self, op: Op, variant: u64) -> Option<Option<u32>> {
        let Op::Update(key) = op else { return self.0.apply(op, variant) };
        let Some(old) = self.0.apply(Op::Get(key), 1)? else { return Some(None) };
        thread::yield_now();
        // Only if it is still there: what is wrong is the value alone.
        while let Some(now) = self.0.apply(Op::Get(key), 1)? {
            if self.0.apply(Op::CompareExchange(key, now, updated(old)), 1)? == Some(now) {
                return Some(Some(updated(old)));
            }
        }
        Some(None)
    }

    fn force_promotion(&self) {
        self.0.force_promotion();
    }
}

/// An exchange stores its value although the key was removed in the meantime.
#[derive(Default)]
pub struct Resurrection(Map);

impl Subject for Resurrection {
    fn apply(&self, op: Op, variant: u64) -> Option<Option<u32>> {
        let Op::CompareExchange(key, current, new) = op else { return self.0.apply(op, variant) };
        let found = self.0.apply(Op::Get(key), 1)?;
        thread::yield_now();
        if found == Some(current) && self.0.apply(Op::Get(key), 1)?.is_none_or(|now| now == current) {
            self.0.apply(Op::Insert(key, new), 1)?;
        }
        Some(found)
    }

    fn force_promotion(&self) {
        self.0.force_promotion();
    }
}
