//! Maps for one context as subjects: each as it is, or in a mutex.

use core::cell::{RefCell, UnsafeCell};

use critical_section::Mutex;
use hashbrown::HashMap;
use heapless::index_map::FnvIndexMap;
use twinmap::FxBuildHasher;

use crate::subject::Subject;

/// As `Subject`, for one context.
pub trait Plain {
    fn new() -> Self;
    fn get(&self, key: u32) -> u32;
    fn insert(&mut self, key: u32, value: u32) -> u32;
    fn remove(&mut self, key: u32) -> u32;
    fn sum(&self) -> u32;
}

macro_rules! plain {
    (($($generics:tt)*), $map:ty, $new:expr, $accepted:expr) => {
        impl<$($generics)*> Plain for $map {
            fn new() -> Self {
                $new
            }

            #[inline(always)]
            fn get(&self, key: u32) -> u32 {
                self.get(&key).map_or(0, |value| *value)
            }

            #[inline(always)]
            fn insert(&mut self, key: u32, value: u32) -> u32 {
                $accepted(self.insert(key, value))
            }

            #[inline(always)]
            fn remove(&mut self, key: u32) -> u32 {
                self.remove(&key).unwrap_or(0)
            }

            #[inline(always)]
            fn sum(&self) -> u32 {
                self.iter().fold(0, |sum, (key, value)| sum.wrapping_add(*key).wrapping_add(*value))
            }
        }
    };
}

plain!((), HashMap<u32, u32, FxBuildHasher>, Self::with_hasher(FxBuildHasher), |_replaced| 1);
plain!(
    (const SLOTS: usize),
    FnvIndexMap<u32, u32, SLOTS>,
    Self::new(),
    |replaced: Result<_, _>| u32::from(replaced.is_ok())
);

/// How a map for one context is shared.
pub trait Shared {
    type Map: Plain;

    fn new(map: Self::Map) -> Self;

    fn with<R>(&self, f: impl FnOnce(&mut Self::Map) -> R) -> R;
}

/// Not at all.
pub struct Bare<M>(UnsafeCell<M>);

/// In a mutex that masks interrupts.
pub struct Masked<M>(Mutex<RefCell<M>>);

/// In a spinlock.
pub struct Spinning<M>(spin::Mutex<M>);

impl<M: Plain> Shared for Bare<M> {
    type Map = M;

    fn new(map: M) -> Self {
        Self(UnsafeCell::new(map))
    }

    #[inline(always)]
    fn with<R>(&self, f: impl FnOnce(&mut M) -> R) -> R {
        // SAFETY: this type is not `Sync`, and `f` is a map's operation on words, which calls nothing that is in here.
        f(unsafe { &mut *self.0.get() })
    }
}

impl<M: Plain> Shared for Masked<M> {
    type Map = M;

    fn new(map: M) -> Self {
        Self(Mutex::new(RefCell::new(map)))
    }

    #[inline(always)]
    fn with<R>(&self, f: impl FnOnce(&mut M) -> R) -> R {
        critical_section::with(|section| f(&mut self.0.borrow_ref_mut(section)))
    }
}

impl<M: Plain> Shared for Spinning<M> {
    type Map = M;

    fn new(map: M) -> Self {
        Self(spin::Mutex::new(map))
    }

    #[inline(always)]
    fn with<R>(&self, f: impl FnOnce(&mut M) -> R) -> R {
        f(&mut self.0.lock())
    }
}

impl<S: Shared> Subject for S {
    fn new() -> Self {
        Shared::new(Plain::new())
    }

    #[inline(always)]
    fn get(&self, key: u32) -> u32 {
        self.with(|map| map.get(key))
    }

    #[inline(always)]
    fn insert(&self, key: u32, value: u32) -> u32 {
        self.with(|map| map.insert(key, value))
    }

    #[inline(always)]
    fn remove(&self, key: u32) -> u32 {
        self.with(|map| map.remove(key))
    }

    #[inline(always)]
    fn sum(&self) -> u32 {
        self.with(|map| map.sum())
    }
}
