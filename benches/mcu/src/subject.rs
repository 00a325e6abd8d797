//! What is measured: a map of words, as one context shares it with others, or as it is.

/// All by `&self`, as through a `static`. A value is never 0, which stands for none.
pub trait Subject {
    /// Whether it knows pins.
    const PINS: bool = false;

    fn new() -> Self;

    fn get(&self, key: u32) -> u32;

    /// 1 if it was accepted. A value that the key had is dropped.
    fn insert(&self, key: u32, value: u32) -> u32;

    /// The value that the key had.
    fn remove(&self, key: u32) -> u32;

    /// The sum of keys and values, by iterating.
    fn sum(&self) -> u32;

    /// What a user does to have all lookups fast after the map is filled.
    fn settle(&self) {}

    /// Measures lookups of `keys` under one pin; the values have to be `value` of them.
    fn get_pinned(&self, _keys: impl Iterator<Item = u32>, _value: impl Fn(u32) -> u32) {}
}
