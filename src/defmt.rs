//! Feature `defmt`: what a map and its guards look like in a log. (Errors, and what a map says of itself, derive it.)

use defmt::{Format, Formatter, write};
use mutex_traits::ScopedRawMutex;

use crate::error::{CompareExchangeError, InsertError};
use crate::guard::Ref;
use crate::pinned::Pinned;
use crate::storage::Storage;
use crate::twin_map::TwinMap;

/// As [`Pinned`]'s.
impl<K, V, St, L, S> Format for TwinMap<K, V, St, L, S>
where
    K: Format,
    V: Format,
    St: Storage<K, V>,
    L: ScopedRawMutex,
{
    fn format(&self, f: Formatter<'_>) {
        self.pin().format(f);
    }
}

/// `{key: value, key: value}`, and an ellipsis when there are others, which can be found under the lock only (after
/// [`promote`](TwinMap::promote) there are none). Takes no lock, and copies nothing: a logger may mask interrupts while
/// this is called, for which it takes as long as an iteration.
impl<K, V, St, L, S> Format for Pinned<'_, TwinMap<K, V, St, L, S>>
where
    K: Format,
    V: Format,
    St: Storage<K, V>,
    L: ScopedRawMutex,
{
    fn format(&self, f: Formatter<'_>) {
        let (entries, complete) = self.known();
        write!(f, "{{");
        let mut separator = "";
        for (key, value) in entries {
            write!(f, "{=str}{}: {}", separator, key, value);
            separator = ", ";
        }
        if complete { write!(f, "}}") } else { write!(f, "{=str}...}}", separator) }
    }
}

impl<K, V: Format> Format for Ref<'_, K, V> {
    fn format(&self, f: Formatter<'_>) {
        (**self).format(f);
    }
}

// As with `Debug`, without bounds on `K` and `V`: the reason matters.
impl<K, V> Format for InsertError<K, V> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "InsertError {{ kind: {} }}", self.kind);
    }
}

impl<V> Format for CompareExchangeError<'_, V> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "CompareExchangeError {{ absent: {=bool}, kind: {} }}", self.found.is_none(), self.kind);
    }
}
