//! The map that is worked on.

use twinmap::ScopedRawMutex;
use twinmap::storage::Storage;

use super::{Inserted, Map, Updated};
use crate::value::Value;

/// A `static` map, and what is not written in the same way for a `SyncMap` and a `FixedMap`.
pub trait Subject: 'static {
    type Storage: Storage<u32, Value> + 'static;
    type Lock: ScopedRawMutex + 'static;
    /// Whether all of its memory is inside.
    const FIXED: bool;
    /// Whether its lock masks interrupts, and so may be waited for in their handlers.
    const MASKS: bool;

    fn map() -> &'static Map<Self::Storage, Self::Lock>;
    fn insert(key: u32, value: Value) -> Inserted;
    fn update(key: u32, f: impl FnMut(&Value) -> Value) -> Updated;
}

/// Defines a [`Subject`] with its map: `subject!(Name, growing | fixed N, Lock, masks)`.
#[macro_export]
macro_rules! subject {
    ($name:ident, growing, $lock:ident, $masks:literal) => {
        $crate::subject!(@ $name, $lock, $masks, false, ::twinmap::SyncMap<u32, $crate::value::Value, ::twinmap::$lock>, Ok);
    };
    ($name:ident, fixed $n:expr, $lock:ident, $masks:literal) => {
        $crate::subject!(
            @ $name, $lock, $masks, true,
            ::twinmap::FixedMap<u32, $crate::value::Value, { $n }, ::twinmap::$lock, 8>, core::convert::identity
        );
    };
    (@ $name:ident, $lock:ident, $masks:literal, $fixed:literal, $map:ty, $result:expr) => {
        struct $name;

        const _: () = {
            use $crate::value::Value;
            use $crate::workload::Subject;

            static MAP: $map = <$map>::with_lock(::twinmap::$lock::new());

            trait StorageOf {
                type Storage;
            }
            impl<St: ::twinmap::storage::Storage<u32, Value>, L, S> StorageOf for ::twinmap::TwinMap<u32, Value, St, L, S> {
                type Storage = St;
            }

            impl Subject for $name {
                type Storage = <$map as StorageOf>::Storage;
                type Lock = ::twinmap::$lock;
                const FIXED: bool = $fixed;
                const MASKS: bool = $masks;

                fn map() -> &'static $map {
                    &MAP
                }

                fn insert(
                    key: u32,
                    value: Value,
                ) -> Result<Option<::twinmap::Ref<'static, u32, Value>>, ::twinmap::InsertError<u32, Value>> {
                    $result(MAP.insert(key, value))
                }

                fn update(
                    key: u32,
                    f: impl FnMut(&Value) -> Value,
                ) -> Result<Option<::twinmap::Ref<'static, u32, Value>>, ::twinmap::ErrorKind> {
                    $result(MAP.update(&key, f))
                }
            }
        };
    };
}
