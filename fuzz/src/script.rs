//! What the bytes of an input mean: a hasher, and steps of three bytes, or four with faults.
//!
//! Decoded by hand, so that a change of one byte changes one thing, and no byte changes what those behind it mean.

use arbitrary::{Arbitrary, Result, Unstructured};

/// The operations are on so many keys at most.
pub const KEYS: u32 = 48;

/// An operation. What its step's `flag` makes of it is said here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Get,
    TryGet,
    GetKeyValue,
    ContainsKey,
    Insert,
    TryInsert,
    GetOrInsert,
    /// The closure inserts the key itself.
    GetOrInsertWith,
    /// The closure overwrites the value.
    Update,
    /// By `try_`.
    UpdateOrInsert,
    /// Expects a stale value.
    CompareExchange,
    Remove,
    TryRemove,
    /// Says no.
    RemoveIf,
    /// Overwrites the value, and says yes.
    RemoveOvertaken,
    /// Keeps the odd keys, else the even ones.
    Retain,
    Clear,
    Promote,
    Reclaim,
    /// With `Debug`.
    Iterate,
    /// By many, for a table that is too large when they are removed; else by two.
    Extend,
    /// Opens a guard that stays.
    Pin,
    Unpin,
    DropRef,
    /// Begins an iterator that stays, or goes on with it: to its end.
    Walk,
    GetMut,
    IterMut,
    /// To its end.
    Drain,
    /// To its end, and it is collected into a new map.
    IntoIter,
}

/// Repeated by how often they are wanted.
const OPS: &[Op] = {
    use Op::*;
    &[
        Get,
        Get,
        TryGet,
        GetKeyValue,
        ContainsKey,
        Insert,
        Insert,
        Insert,
        TryInsert,
        TryInsert,
        GetOrInsert,
        GetOrInsertWith,
        Update,
        UpdateOrInsert,
        CompareExchange,
        Remove,
        Remove,
        TryRemove,
        RemoveIf,
        RemoveOvertaken,
        Retain,
        Clear,
        Promote,
        Reclaim,
        Iterate,
        Extend,
        Pin,
        Pin,
        Unpin,
        Unpin,
        DropRef,
        Walk,
        Walk,
        GetMut,
        IterMut,
        Drain,
        IntoIter,
    ]
};

impl Op {
    /// Whether the operation needs the map for itself.
    pub fn is_exclusive(self) -> bool {
        matches!(self, Op::GetMut | Op::IterMut | Op::Drain | Op::IntoIter)
    }

    /// Whether the operation is on a guard only.
    pub fn is_on_guard(self) -> bool {
        use Op::*;
        matches!(self, GetKeyValue | CompareExchange | RemoveIf | RemoveOvertaken | Retain | Walk)
    }

    /// Whether the operation is not on a guard.
    pub fn is_on_map(self) -> bool {
        matches!(self, Op::Extend | Op::Pin | Op::Unpin | Op::DropRef)
    }

    /// Whether it may change this key, when a panic ends it early.
    pub fn may_change(self, own: bool) -> bool {
        own || matches!(self, Op::Retain | Op::Clear | Op::Extend) || self.is_exclusive()
    }

    pub fn may_store(self) -> bool {
        use Op::*;
        matches!(self, Insert | TryInsert | GetOrInsert | GetOrInsertWith | Update | UpdateOrInsert)
            || matches!(self, CompareExchange | RemoveOvertaken | Extend | GetMut | IterMut)
    }

    pub fn may_remove(self) -> bool {
        use Op::*;
        matches!(self, Remove | TryRemove | RemoveIf | RemoveOvertaken | Retain | Clear | Drain | IntoIter)
    }
}

/// By what an operation comes.
#[derive(Clone, Copy, Debug)]
pub enum Through {
    Map,
    NewGuard,
    /// One that is held, if any is.
    Guard(usize),
}

/// What goes wrong during a step, if it gets that far.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// User code panics at the call after so many.
    Panic(usize),
    /// The allocation after so many fails, and if not only `one`, all that follow.
    Memory { after: usize, one: bool },
}

#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub op: Op,
    pub key: u32,
    pub through: Through,
    /// Keep what is found, and the new guard.
    pub keep: bool,
    pub flag: bool,
    pub fault: Option<Fault>,
}

/// An input.
#[derive(Debug)]
pub struct Script<const FAULTS: bool> {
    /// Which bytes of the hash there are: the others are zero for all keys.
    pub hash_bytes: u8,
    pub steps: Vec<Step>,
}

impl<'a, const FAULTS: bool> Arbitrary<'a> for Script<FAULTS> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let hash_bytes = u.arbitrary()?;
        let keys = u.int_in_range(1..=KEYS as u8)?;
        let mut steps = Vec::new();
        while !u.is_empty() {
            steps.push(step(u, keys, FAULTS)?);
        }
        Ok(Self { hash_bytes, steps })
    }
}

fn step(u: &mut Unstructured, keys: u8, faults: bool) -> Result<Step> {
    let op = *u.choose(OPS)?;
    let key = u.int_in_range(0..=keys - 1)?.into();
    let how: u8 = u.arbitrary()?;
    let through = match how % 8 {
        0..3 => Through::Map,
        3 => Through::NewGuard,
        guard => Through::Guard(guard.into()),
    };
    let fault = if faults { fault(u.arbitrary()?) } else { None };
    Ok(Step { op, key, through, keep: how & 8 != 0, flag: how & 16 != 0, fault })
}

fn fault(byte: u8) -> Option<Fault> {
    let after = usize::from(byte / 4);
    match byte % 4 {
        0 => None,
        1 => Some(Fault::Panic(after)),
        kind => Some(Fault::Memory { after, one: kind == 2 }),
    }
}
