//! A map and a guard of it, growing or fixed, by one interface.

use std::convert::identity;
use std::fmt::Debug;
use std::ops::Deref;

use twinmap::storage::{Heap, Inline, Storage};
use twinmap::{ErrorKind, InsertError, Pinned, Ref, ScopedRawMutex, TwinMap, WouldBlock};

use crate::item::{Colliding, Item};

pub type Map<St, L> = TwinMap<Item, Item, St, L, Colliding>;
pub type Growing = Heap<Item, Item>;
pub type Fixed<const N: usize, const SPARE: usize> = Inline<Item, Item, N, SPARE>;

/// A value in the map, and what keeps it there.
pub enum Found<'m> {
    Ref(Ref<'m, Item, Item>),
    Guarded(&'m Item),
}

impl Deref for Found<'_> {
    type Target = Item;

    fn deref(&self) -> &Item {
        match self {
            Found::Ref(value) => value,
            Found::Guarded(value) => value,
        }
    }
}

type Inserted<T> = Result<T, InsertError<Item, Item>>;

/// What a map and a guard have in common.
pub trait View<'m>: Debug {
    fn get(&'m self, key: &Item) -> Option<Found<'m>>;
    fn try_get(&'m self, key: &Item) -> Result<Option<Found<'m>>, WouldBlock>;
    fn contains_key(&self, key: &Item) -> bool;
    fn insert(&'m self, key: Item, value: Item) -> Inserted<Option<Found<'m>>>;
    fn try_insert(&'m self, key: Item, value: Item) -> Inserted<Option<Found<'m>>>;
    fn get_or_insert(&'m self, key: Item, value: Item) -> Inserted<Found<'m>>;
    fn get_or_insert_with(&'m self, key: Item, f: &mut dyn FnMut() -> Item) -> Inserted<Found<'m>>;
    fn update(&'m self, key: &Item, f: &mut dyn FnMut(&Item) -> Item) -> Result<Option<Found<'m>>, ErrorKind>;
    fn update_or_insert(&'m self, key: Item, f: &mut dyn FnMut(&Item) -> Item, value: Item) -> Inserted<Found<'m>>;
    fn try_update_or_insert(&'m self, key: Item, f: &mut dyn FnMut(&Item) -> Item, value: Item) -> Inserted<Found<'m>>;
    fn remove(&'m self, key: &Item) -> Option<Found<'m>>;
    fn try_remove(&'m self, key: &Item) -> Result<Option<Found<'m>>, WouldBlock>;
    fn clear(&self);
    fn promote(&self);
    fn reclaim(&self);
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool;
}

/// `$found` is how values come; `$result` makes a `Result` of what the operations return that need memory. The calls
/// are of the type's own methods, which go before the trait's.
macro_rules! view {
    ($([$($generics:tt)*] $type:ty: $found:path, $result:path;)*) => {$(
        impl<'m, L: ScopedRawMutex, $($generics)*> View<'m> for $type {
            fn get(&'m self, key: &Item) -> Option<Found<'m>> {
                self.get(key).map($found)
            }

            fn try_get(&'m self, key: &Item) -> Result<Option<Found<'m>>, WouldBlock> {
                Ok(self.try_get(key)?.map($found))
            }

            fn contains_key(&self, key: &Item) -> bool {
                self.contains_key(key)
            }

            fn insert(&'m self, key: Item, value: Item) -> Inserted<Option<Found<'m>>> {
                $result(self.insert(key, value)).map(|value| value.map($found))
            }

            fn try_insert(&'m self, key: Item, value: Item) -> Inserted<Option<Found<'m>>> {
                Ok(self.try_insert(key, value)?.map($found))
            }

            fn get_or_insert(&'m self, key: Item, value: Item) -> Inserted<Found<'m>> {
                $result(self.get_or_insert(key, value)).map($found)
            }

            fn get_or_insert_with(&'m self, key: Item, f: &mut dyn FnMut() -> Item) -> Inserted<Found<'m>> {
                $result(self.get_or_insert_with(key, f)).map($found)
            }

            fn update(&'m self, key: &Item, f: &mut dyn FnMut(&Item) -> Item) -> Result<Option<Found<'m>>, ErrorKind> {
                $result(self.update(key, f)).map(|value| value.map($found))
            }

            fn update_or_insert(
                &'m self,
                key: Item,
                f: &mut dyn FnMut(&Item) -> Item,
                value: Item,
            ) -> Inserted<Found<'m>> {
                $result(self.update_or_insert(key, f, value)).map($found)
            }

            fn try_update_or_insert(
                &'m self,
                key: Item,
                f: &mut dyn FnMut(&Item) -> Item,
                value: Item,
            ) -> Inserted<Found<'m>> {
                Ok($found(self.try_update_or_insert(key, f, value)?))
            }

            fn remove(&'m self, key: &Item) -> Option<Found<'m>> {
                self.remove(key).map($found)
            }

            fn try_remove(&'m self, key: &Item) -> Result<Option<Found<'m>>, WouldBlock> {
                Ok(self.try_remove(key)?.map($found))
            }

            fn clear(&self) {
                self.clear();
            }

            fn promote(&self) {
                self.promote();
            }

            fn reclaim(&self) {
                self.reclaim();
            }

            fn len(&self) -> usize {
                self.len()
            }

            fn is_empty(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}

view! {
    [] Map<Growing, L>: Found::Ref, Ok;
    [] Pinned<'m, Map<Growing, L>>: Found::Guarded, Ok;
    [const N: usize, const SPARE: usize] Map<Fixed<N, SPARE>, L>: Found::Ref, identity;
    [const N: usize, const SPARE: usize] Pinned<'m, Map<Fixed<N, SPARE>, L>>: Found::Guarded, identity;
}

/// The storage of a map that is fuzzed.
pub trait Subject: Storage<Item, Item> + 'static {
    /// How many keys there may be.
    const CAPACITY: Option<usize>;

    fn is_full<L: Lock>(map: &Map<Self, L>) -> bool;
    fn map<'m, L: Lock>(map: &'m Map<Self, L>) -> &'m dyn View<'m>;
    fn guard<'m, L: Lock>(guard: &'m Pinned<'m, Map<Self, L>>) -> &'m dyn View<'m>;
    /// A new map with these in it.
    fn collect<L: Lock>(items: impl Iterator<Item = (Item, Item)>) -> Map<Self, L>;
}

pub trait Lock: ScopedRawMutex + Default + 'static {}

impl<L: ScopedRawMutex + Default + 'static> Lock for L {}

macro_rules! subject {
    ($([$($generics:tt)*] $storage:ty: $capacity:expr, $is_full:expr;)*) => {$(
        impl<$($generics)*> Subject for $storage {
            const CAPACITY: Option<usize> = $capacity;

            fn is_full<L: Lock>(map: &Map<Self, L>) -> bool {
                let is_full: fn(&Map<Self, L>) -> bool = $is_full;
                is_full(map)
            }

            fn map<'m, L: Lock>(map: &'m Map<Self, L>) -> &'m dyn View<'m> {
                map
            }

            fn guard<'m, L: Lock>(guard: &'m Pinned<'m, Map<Self, L>>) -> &'m dyn View<'m> {
                guard
            }

            fn collect<L: Lock>(items: impl Iterator<Item = (Item, Item)>) -> Map<Self, L> {
                items.collect()
            }
        }
    )*};
}

subject! {
    [] Growing: None, |_| false;
    [const N: usize, const SPARE: usize] Fixed<N, SPARE>: Some(N), |map| map.is_full();
}
