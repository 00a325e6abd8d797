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

/// As it is: for one context.
pub struct Bare<M>(UnsafeCell<M>);

/// In a mutex that masks interrupts.
pub struct Masked<M>(Mutex<RefCell<M>>);

/// In a spinlock.
pub struct Spinning<M>(spin::Mutex<M>);

macro_rules! subject {
    ($wrapper:ident, $new:expr, |$this:ident, $operation:ident| $with:expr) => {
        impl<M: Plain> Subject for $wrapper<M> {
            fn new() -> Self {
                Self($new(M::new()))
            }

            #[inline(always)]
            fn get(&self, key: u32) -> u32 {
                let $operation = |map: &mut M| map.get(key);
                let $this = self;
                $with
            }

            #[inline(always)]
            fn insert(&self, key: u32, value: u32) -> u32 {
                let $operation = |map: &mut M| map.insert(key, value);
                let $this = self;
                $with
            }

            #[inline(always)]
            fn remove(&self, key: u32) -> u32 {
                let $operation = |map: &mut M| map.remove(key);
                let $this = self;
                $with
            }

            #[inline(always)]
            fn sum(&self) -> u32 {
                let $operation = |map: &mut M| map.sum();
                let $this = self;
                $with
            }
        }
    };
}

subject!(Bare, UnsafeCell::new, |this, operation| operation(
    // SAFETY: this type is not `Sync`, and a map of words calls nothing that could be in here a second time.
    unsafe { &mut *this.0.get() }
));
subject!(Masked, |map| Mutex::new(RefCell::new(map)), |this, operation| critical_section::with(|section| operation(
    &mut this.0.borrow_ref_mut(section)
)));
subject!(Spinning, spin::Mutex::new, |this, operation| operation(&mut this.0.lock()));
