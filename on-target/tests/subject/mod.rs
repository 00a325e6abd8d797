//! The maps under test, all used in one way.

use core::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::AtomicUsize;

use twinmap::{CriticalSectionLock, ErrorKind, FixedMap, Garbage, InsertError, Ref, SpinLock, SyncMap};

/// More keys than the tests use.
pub const CAPACITY: usize = 20;

pub type SpinFixed = FixedMap<u32, Value, CAPACITY, SpinLock>;
pub type SectionFixed = FixedMap<u32, Value, CAPACITY, CriticalSectionLock>;
pub type SpinGrowing = SyncMap<u32, Value, SpinLock>;
pub type SectionGrowing = SyncMap<u32, Value, CriticalSectionLock>;

/// A number that belongs to a key, and notices when it is torn, another key's, or used after its end.
#[derive(Debug)]
pub struct Value {
    key: u32,
    number: u32,
    check: u32,
}

static LIVE: AtomicUsize = AtomicUsize::new(0);

impl Value {
    pub fn new(key: u32, number: u32) -> Self {
        LIVE.fetch_add(1, SeqCst);
        Self { key, number, check: !(key ^ number) }
    }

    /// The number, of this key.
    #[track_caller]
    pub fn of(&self, key: u32) -> u32 {
        let Self { key: own, number, check } = *self;
        assert!(own == key && check == !(key ^ number), "key {key} has the value {self:x?}");
        number
    }

    /// How many there are.
    pub fn live() -> usize {
        LIVE.load(SeqCst)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.of(self.key);
        self.check = 0xDEAD;
        LIVE.fetch_sub(1, SeqCst);
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.of(other.key) == other.number
    }
}

/// A refusal of a fixed map's.
pub type Result<T> = core::result::Result<T, ErrorKind>;

/// What all maps have; the number of a value that was there, or is now.
pub trait Subject: Default {
    /// Whether it is refused keys beyond [`CAPACITY`].
    const FIXED: bool;
    /// Whether an interrupt handler may do anything. Otherwise, it may do what does not wait.
    const ANYTHING_IN_HANDLERS: bool;

    fn insert(&self, key: u32, number: u32) -> Result<Option<u32>>;
    fn get_or_insert(&self, key: u32, number: u32) -> Result<u32>;
    fn update(&self, key: u32, f: impl Fn(u32) -> u32) -> Result<Option<u32>>;
    /// Whether it was `current` and is `new`.
    fn compare_exchange(&self, key: u32, current: u32, new: u32) -> Result<bool>;
    fn get(&self, key: u32) -> Option<u32>;
    fn remove(&self, key: u32) -> Option<u32>;
    fn try_insert(&self, key: u32, number: u32) -> Result<Option<u32>>;
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
    value.map(|value| value.of(key))
}

/// Key and value come back, and in one piece.
fn refusal(key: u32, number: u32) -> impl Fn(InsertError<u32, Value>) -> ErrorKind {
    move |error| {
        assert!(error.key == key && error.value.of(key) == number, "{error:?}");
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
                Ok(done!($fixed, self.get_or_insert(key, Value::new(key, new)), refusal(key, new)).of(key))
            }

            fn update(&self, key: u32, f: impl Fn(u32) -> u32) -> Result<Option<u32>> {
                Ok(number(key, done!($fixed, self.update(&key, |old| Value::new(key, f(old.of(key)))), |kind| kind)))
            }

            fn compare_exchange(&self, key: u32, current: u32, new: u32) -> Result<bool> {
                let pin = self.pin();
                match pin.compare_exchange(&key, &Value::new(key, current), Value::new(key, new)) {
                    Ok(old) => Ok(old.of(key) == current),
                    Err(error) => {
                        assert_eq!(error.new.of(key), new);
                        assert!(error.kind.is_some() || error.found.is_none_or(|found| found.of(key) != current));
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

            fn try_insert(&self, key: u32, new: u32) -> Result<Option<u32>> {
                Ok(number(key, self.try_insert(key, Value::new(key, new)).map_err(refusal(key, new))?))
            }

            fn try_get(&self, key: u32) -> Result<Option<u32>> {
                Ok(number(key, self.try_get(&key)?))
            }

            fn try_remove(&self, key: u32) -> Result<Option<u32>> {
                Ok(number(key, self.try_remove(&key)?))
            }

            fn retain(&self, f: impl Fn(u32) -> bool) {
                self.pin().retain(|&key, value| f(value.of(key)));
            }

            fn for_each(&self, mut f: impl FnMut(u32, u32)) {
                self.pin().iter().for_each(|(&key, value)| f(key, value.of(key)));
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
