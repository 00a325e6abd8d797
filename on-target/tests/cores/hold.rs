//! Values that stay pinned while something else is done.

use core::array;

use twinmap::storage::Storage;
use twinmap::{FxBuildHasher, ScopedRawMutex, TwinMap};

use std::value::Value;

use crate::subject::Subject;

pub trait Hold: Subject {
    /// Calls `f` under one pin, with the values of the first `N` keys.
    fn hold<const N: usize, R>(&self, f: impl FnOnce([Option<&Value>; N]) -> R) -> R;
}

impl<St: Storage<u32, Value>, L: ScopedRawMutex> Hold for TwinMap<u32, Value, St, L, FxBuildHasher>
where
    Self: Subject,
{
    #[inline]
    fn hold<const N: usize, R>(&self, f: impl FnOnce([Option<&Value>; N]) -> R) -> R {
        let pin = self.pin();
        f(array::from_fn(|key| pin.get(&(key as u32))))
    }
}
