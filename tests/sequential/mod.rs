//! What a map is, one operation after the other: what concurrent ones are compared with.

pub const KEYS: usize = 4;

/// All return a value or none: the one found, the old one, or the new one (`Update`, `UpdateOrInsert`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Get(usize),
    Insert(usize, u32),
    GetOrInsert(usize, u32),
    Update(usize),
    UpdateOrInsert(usize, u32),
    CompareExchange(usize, u32, u32),
    Remove(usize),
    RemoveIfEven(usize),
    Clear,
}

pub type State = [Option<u32>; KEYS];

/// What `update` does.
pub fn updated(value: u32) -> u32 {
    value + 1000
}

impl Op {
    /// What it makes of a map, and returns.
    pub fn apply(self, before: &State) -> (State, Option<u32>) {
        let mut state = *before;
        let returned = match self {
            Op::Get(key) => state[key],
            Op::Insert(key, value) => state[key].replace(value),
            Op::GetOrInsert(key, value) => Some(*state[key].get_or_insert(value)),
            Op::Update(key) => {
                state[key] = state[key].map(updated);
                state[key]
            }
            Op::UpdateOrInsert(key, value) => {
                state[key] = Some(state[key].map_or(value, updated));
                state[key]
            }
            Op::CompareExchange(key, current, new) => {
                if before[key] == Some(current) {
                    state[key] = Some(new);
                }
                before[key]
            }
            Op::Remove(key) => state[key].take(),
            Op::RemoveIfEven(key) => state[key].take_if(|value| *value % 2 == 0),
            Op::Clear => {
                state = Default::default();
                None
            }
        };
        (state, returned)
    }
}
