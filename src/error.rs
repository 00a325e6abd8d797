//! Errors. Each hands back what the caller gave.

use core::fmt;

/// The lock is held, and the call would have to wait for it.
///
/// What the `try_` operations report when a key has to be looked up under the lock. (In a
/// `FixedMap`, only when it is inserted.)
///
/// ```
/// use twinmap::{ScopedRawMutex, SpinLock, SyncMap, WouldBlock};
///
/// /// A lock that is always held by somebody else.
/// struct Held;
/// # // SAFETY: nobody ever gets it.
/// unsafe impl ScopedRawMutex for Held {
///     fn try_with_lock<R>(&self, _: impl FnOnce() -> R) -> Option<R> { None }
///     fn with_lock<R>(&self, _: impl FnOnce() -> R) -> R { unreachable!() }
///     fn is_locked(&self) -> bool { true }
/// }
///
/// let map = SyncMap::with_lock(Held);
/// assert!(matches!(map.try_insert(1, 'a'), Err(rejected) if rejected.kind == WouldBlock.into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WouldBlock;

/// Why an insertion failed, or an update.
///
/// ```
/// use twinmap::{ErrorKind, FixedMap};
///
/// let map = FixedMap::<u8, u8, 1>::new();
/// map.insert(1, 10)?;
/// assert_eq!(map.insert(2, 20).unwrap_err().kind, ErrorKind::Full);
///
/// // What was there is still looked at, at one spare less each time.
/// let first = map.get(&1);
/// let busy = (0..10).find_map(|value| map.insert(1, value).err()).unwrap();
/// assert_eq!(busy.kind, ErrorKind::Busy);
///
/// drop(first);
/// map.insert(busy.key, busy.value)?;
/// # Ok::<(), twinmap::InsertError<u8, u8>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The lock is held, and the call would have to wait for it. Only from `try_` operations.
    WouldBlock,
    /// The allocator has no memory for it. Only from a `SyncMap`.
    OutOfMemory,
    /// As many keys are there as there may be, and this is another one. Only from a `FixedMap`.
    Full,
    /// There is room, but memory that was given up is still in use, or cannot be collected, because
    /// somebody is pinned: a guard, an iterator, or an operation that this one interrupted or that runs on
    /// another core. Or there is none, but somebody is in the middle of a removal. Only from a `FixedMap`.
    Busy,
}

/// An insertion that failed: the key, the value, and why. The map is as it was.
///
/// ```
/// let map = twinmap::FixedMap::<String, u32, 1>::new();
/// map.insert("first".to_owned(), 1)?;
///
/// let error = map.insert("second".to_owned(), 2).unwrap_err();
/// assert_eq!(error.to_string(), "not inserted: the map is full");
/// assert_eq!((&*error.key, error.value), ("second", 2)); // Nothing is lost.
/// # Ok::<(), twinmap::InsertError<String, u32>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InsertError<K, V> {
    /// The key that was not inserted.
    pub key: K,
    /// The value that was not inserted.
    pub value: V,
    /// Why.
    pub kind: ErrorKind,
}

#[cfg(any(feature = "alloc", feature = "heapless"))]
impl<K, V> InsertError<K, V> {
    pub(crate) fn new(((key, value), kind): ((K, V), ErrorKind)) -> Self {
        Self { key, value, kind }
    }
}

/// A [`compare_exchange`](crate::Pinned::compare_exchange) that did not take place.
///
/// ```
/// use twinmap::SyncMap;
///
/// /// At most `limit`; `false` when there is no memory.
/// fn limit(map: &SyncMap<&str, u32>, key: &str, limit: u32) -> bool {
///     let map = map.pin();
///     let Some(mut current) = map.get(key) else { return true };
///     while *current > limit {
///         match map.compare_exchange(key, current, limit) {
///             Ok(_) => return true,
///             Err(error) if error.kind.is_some() => return false,
///             Err(error) => match error.found {
///                 Some(found) => current = found,
///                 None => return true,
///             },
///         }
///     }
///     true
/// }
///
/// let map = SyncMap::from([("speed", 300)]);
/// assert!(limit(&map, "speed", 250));
/// assert_eq!(map.get("speed").as_deref(), Some(&250));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CompareExchangeError<'a, V> {
    /// The value that was not stored.
    pub new: V,
    /// The value that was found; `None` when the key was absent.
    pub found: Option<&'a V>,
    /// Why, if the value that was found is the expected one: there was no memory for another. `None` when it is not.
    pub kind: Option<ErrorKind>,
}

/// What the operations do that cannot report an error.
#[cfg(any(feature = "alloc", feature = "heapless"))]
#[cold]
pub(crate) fn give_up<V>(kind: ErrorKind) -> ! {
    let _needed = core::alloc::Layout::new::<V>();
    #[cfg(feature = "alloc")]
    if kind == ErrorKind::OutOfMemory {
        alloc::alloc::handle_alloc_error(_needed);
    }
    panic!("not inserted: {kind}")
}

impl From<WouldBlock> for ErrorKind {
    fn from(_: WouldBlock) -> Self {
        ErrorKind::WouldBlock
    }
}

/// Without key and value, which are dropped: for `?` in a function that has no use for them.
impl<K, V> From<InsertError<K, V>> for ErrorKind {
    fn from(error: InsertError<K, V>) -> Self {
        error.kind
    }
}

impl fmt::Display for WouldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ErrorKind::WouldBlock.fmt(f)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::WouldBlock => "the map's lock is held and the call must not wait",
            ErrorKind::OutOfMemory => "out of memory",
            ErrorKind::Full => "the map is full",
            ErrorKind::Busy => "memory of the map is still in use by a pinned reader",
        })
    }
}

// Without bounds on `K` and `V`, which may well have no `Debug`: the reason matters.
impl<K, V> fmt::Debug for InsertError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Display for InsertError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not inserted: {}", self.kind)
    }
}

impl<V> fmt::Debug for CompareExchangeError<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompareExchangeError")
            .field("absent", &self.found.is_none())
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Display for CompareExchangeError<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.found) {
            (Some(kind), _) => kind.fmt(f),
            (None, Some(_)) => f.write_str("the key has another value"),
            (None, None) => f.write_str("the key is absent"),
        }
    }
}

impl core::error::Error for WouldBlock {}
impl core::error::Error for ErrorKind {}
impl<K, V> core::error::Error for InsertError<K, V> {}
impl<V> core::error::Error for CompareExchangeError<'_, V> {}
