//! Errors. Each hands back what the caller gave.

use core::fmt;

/// The lock is held, and the call would have to wait for it.
///
/// What the `try_` operations report when a key has to be looked up under the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WouldBlock;

/// Why an insertion failed.
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
    /// There is room, but memory that was given up is still in use, or cannot be collected, because somebody is pinned: a guard, an
    /// iterator, or an operation that this one interrupted or that runs on another core. Only from a
    /// `FixedMap`.
    Busy,
}

/// An insertion that failed: the key, the value, and why. The map is as it was.
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
