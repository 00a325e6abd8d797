//! The maps under test, all used in one way.

use std::value::Value;
use twinmap::{CriticalSectionLock, ErrorKind, FixedMap, Garbage, InsertError, Ref, SpinLock, SyncMap};

/// More keys than the tests use.
pub const CAPACITY: usize = 20;

pub type SpinFixed = FixedMap<u32, Value, CAPACITY, SpinLock>;
pub type SectionFixed = FixedMap<u32, Value, CAPACITY, CriticalSectionLock>;
pub type SpinGrowing = SyncMap<u32, Value, SpinLock>;
pub type SectionGrowing = SyncMap<u32, Value, CriticalSectionLock>;

/// A refusal of a fixed map's.
pub type Result<T> = core::result::Result<T, ErrorKind>;

/// What all maps have; the number of a value that was there, or is now.
pub trait Subject: Default + 'static {
    /// Whether it is refused keys beyond [`CAPACITY`].
    const FIXED: bool;
    /// Whether an interrupt handler may do anything. Otherwise, it may do what does not wait.
    const ANYTHING_IN_HANDLERS: bool;

    fn insert(&self, key: u32, number: u32) -> Result<Option<u32>>;
    fn get_or_insert(&self, key: u32, number: u32) -> Result<u32>;
    fn update(&self, key: u32, f: impl Fn(u32) -> u32) -> Result<Option<u32>>;
    fn update_or_insert(&self, key: u32, f: impl Fn(u32) -> u32, number: u32) -> Result<u32>;
    /// Whether it was `current` and is `new`.
    fn compare_exchange(&self, key: u32, current: u32, new: u32) -> Result<bool>;
    fn get(&self, key: u32) -> Option<u32>;
    fn remove(&self, key: u32) -> Option<u32>;
    fn remove_if(&self, key: u32, f: impl Fn(u32) -> bool) -> Option<u32>;
    fn try_insert(&self, key: u32, number: u32) -> Result<Option<u32>>;
    fn try_update_or_insert(&self, key: u32, f: impl Fn(u32) -> u32, number: u32) -> Result<u32>;
    fn try_get(&self, key: u32) -> Result<Option<u32>>;
    fn try_remove(&self, key: u32) -> Result<Option<u32>>;
    fn retain(&self, f: impl Fn(u32) -> bool);
    fn for_each(&self, f: impl FnMut(u32, u32));
    fn promote(&self);
    fn clear(&self);
    fn reclaim(&self);
    fn len(&self) -> usize;
    fn garbage(&self) -> Garbage;
}

fn number(key: u32, value: Option<Ref<u32, Value>>) -> Option<u32> {
    value.map(|value| value.number_of(key))
}

/// What makes a key's next value of the one that it has.
fn updated(key: u32, f: impl Fn(u32) -> u32) -> impl Fn(&Value) -> Value {
    move |old| Value::new(key, f(old.number_of(key)))
}

/// Key and value come back, and in one piece.
fn refusal(key: u32, number: u32) -> impl Fn(InsertError<u32, Value>) -> ErrorKind {
    move |error| {
        assert!(error.key == key && error.value.number_of(key) == number, "{error:?}");
        error.kind
    }
}

/// What an operation returned that only a fixed map may refuse.
macro_rules! done {
    (false, $result:expr, $refusal:expr) => {
        $result
    };
    (true, $result:expr, $refusal:expr) => {
        $result.map_err($refusal)?
    };
}

macro_rules! subject {
    ($map:ty, fixed: $fixed:tt, anything_in_handlers: $anything:tt) => {
        impl Subject for $map {
            const FIXED: bool = $fixed;
            const ANYTHING_IN_HANDLERS: bool = $anything;

            fn insert(&self, key: u32, new: u32) -> Result<Option<u32>> {
                Ok(number(key, done!($fixed, self.insert(key, Value::new(key, new)), refusal(key, new))))
            }

            fn get_or_insert(&self, key: u32, new: u32) -> Result<u32> {
                Ok(done!($fixed, self.get_or_insert(key, Value::new(key, new)), refusal(key, new)).number_of(key))
            }

            fn update(&self, key: u32, f: impl Fn(u32) -> u32) -> Result<Option<u32>> {
                Ok(number(key, done!($fixed, self.update(&key, updated(key, f)), |kind| kind)))
            }

            fn update_or_insert(&self, key: u32, f: impl Fn(u32) -> u32, new: u32) -> Result<u32> {
                let there = self.update_or_insert(key, updated(key, f), Value::new(key, new));
                Ok(done!($fixed, there, refusal(key, new)).number_of(key))
            }

            fn compare_exchange(&self, key: u32, current: u32, new: u32) -> Result<bool> {
                let pin = self.pin();
                match pin.compare_exchange(&key, &Value::new(key, current), Value::new(key, new)) {
                    Ok(old) => Ok(old.number_of(key) == current),
                    Err(error) => {
                        assert_eq!(error.new.number_of(key), new);
                        assert!(
                            error.kind.is_some() || error.found.is_none_or(|found| found.number_of(key) != current)
                        );
                        error.kind.map_or(Ok(false), Err)
                    }
                }
            }

            fn get(&self, key: u32) -> Option<u32> {
                number(key, self.get(&key))
            }

            fn remove(&self, key: u32) -> Option<u32> {
                number(key, self.remove(&key))
            }

            fn remove_if(&self, key: u32, f: impl Fn(u32) -> bool) -> Option<u32> {
                self.pin().remove_if(&key, |value| f(value.number_of(key))).map(|value| value.number_of(key))
            }

            fn try_insert(&self, key: u32, new: u32) -> Result<Option<u32>> {
                Ok(number(key, self.try_insert(key, Value::new(key, new)).map_err(refusal(key, new))?))
            }

            fn try_update_or_insert(&self, key: u32, f: impl Fn(u32) -> u32, new: u32) -> Result<u32> {
                let there = self.try_update_or_insert(key, updated(key, f), Value::new(key, new));
                Ok(there.map_err(refusal(key, new))?.number_of(key))
            }

            fn try_get(&self, key: u32) -> Result<Option<u32>> {
                Ok(number(key, self.try_get(&key)?))
            }

            fn try_remove(&self, key: u32) -> Result<Option<u32>> {
                Ok(number(key, self.try_remove(&key)?))
            }

            fn retain(&self, f: impl Fn(u32) -> bool) {
                self.pin().retain(|&key, value| f(value.number_of(key)));
            }

            fn for_each(&self, mut f: impl FnMut(u32, u32)) {
                self.pin().iter().for_each(|(&key, value)| f(key, value.number_of(key)));
            }

            fn promote(&self) {
                self.promote();
            }

            fn clear(&self) {
                self.clear();
            }

            fn reclaim(&self) {
                self.reclaim();
            }

            fn len(&self) -> usize {
                self.len()
            }

            fn garbage(&self) -> Garbage {
                self.garbage()
            }
        }
    };
}

subject!(SpinFixed, fixed: true, anything_in_handlers: false);
subject!(SectionFixed, fixed: true, anything_in_handlers: true);
subject!(SpinGrowing, fixed: false, anything_in_handlers: false);
subject!(SectionGrowing, fixed: false, anything_in_handlers: true);
