//! twinmap's maps as subjects.

use twinmap::{FixedMap, Pinned, ScopedRawMutex, SyncMap};

use crate::marker;
use crate::subject::Subject;

/// A lock that can be made for each map anew.
pub trait Lock: ScopedRawMutex + Default {}

impl<L: ScopedRawMutex + Default> Lock for L {}

macro_rules! subject {
    (($($generics:tt)*), $map:ty, $accepted:expr) => {
        impl<$($generics)*> Subject for $map {
            const PINS: bool = true;

            fn new() -> Self {
                Self::with_lock(L::default())
            }

            #[inline(always)]
            fn get(&self, key: u32) -> u32 {
                self.get(&key).map_or(0, |value| *value)
            }

            #[inline(always)]
            fn insert(&self, key: u32, value: u32) -> u32 {
                $accepted(self.insert(key, value))
            }

            #[inline(always)]
            fn remove(&self, key: u32) -> u32 {
                self.remove(&key).map_or(0, |value| *value)
            }

            #[inline(always)]
            fn sum(&self) -> u32 {
                self.pin().iter().fold(0, |sum, (key, value)| sum.wrapping_add(*key).wrapping_add(*value))
            }

            fn settle(&self) {
                self.promote();
            }

            fn get_pinned(&self, keys: impl Iterator<Item = u32>, value: impl Fn(u32) -> u32) {
                extern "C" fn get<$($generics)*>(map: &Pinned<'_, $map>, key: u32, _: u32) -> u32 {
                    map.get(&key).map_or(0, |value| *value)
                }

                let pinned = self.pin();
                for key in keys {
                    assert_eq!(marker::measured(get, &pinned, key, 0), value(key));
                }
            }
        }
    };
}

subject!((L: Lock), SyncMap<u32, u32, L>, |replaced| {
    drop(replaced);
    1
});
subject!((L: Lock, const N: usize), FixedMap<u32, u32, N, L>, |replaced: Result<_, _>| u32::from(replaced.is_ok()));
