//! The shapes that Go measures its `sync.Map` with, by their names there.

use std::hint::black_box;

use super::{At, Shape, Visitor, fill};
use crate::subjects::View;

pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit(&LoadMostlyHits);
    visitor.visit(&LoadMostlyMisses);
    visitor.visit(&LoadOrStoreBalanced);
    visitor.visit(&LoadOrStoreUnique);
    visitor.visit(&LoadOrStoreCollision);
    visitor.visit(&LoadAndDeleteBalanced);
    visitor.visit(&LoadAndDeleteUnique);
    visitor.visit(&LoadAndDeleteCollision);
    visitor.visit(&Range);
    visitor.visit(&AdversarialAlloc);
    visitor.visit(&AdversarialDelete);
    visitor.visit(&DeleteCollision);
    visitor.visit(&SwapCollision);
    visitor.visit(&SwapMostlyHits);
    visitor.visit(&SwapMostlyMisses);
    visitor.visit(&CompareAndSwapCollision);
    visitor.visit(&CompareAndSwapNoExistingKey);
    visitor.visit(&CompareAndSwapValueNotEqual);
    visitor.visit(&CompareAndSwapMostlyHits);
    visitor.visit(&CompareAndSwapMostlyMisses);
    visitor.visit(&CompareAndDeleteCollision);
    visitor.visit(&CompareAndDeleteMostlyHits);
    visitor.visit(&CompareAndDeleteMostlyMisses);
}

/// A shape without a state, whose map starts with the keys below a number.
macro_rules! shape {
    ($name:ident $(, reads = $reads:literal)?, keys = $keys:expr, |$map:ident, $i:ident| $operation:expr) => {
        struct $name;

        impl Shape for $name {
            const NAME: &'static str = stringify!($name);
            // Those that read are steady too.
            $(
                const READS: bool = $reads;
                const STEADY: bool = $reads;
            )?
            type Key = u64;
            type State = ();

            fn prepare(&self, map: &impl View<u64>) {
                fill(map, $keys);
            }

            #[inline]
            fn operation(&self, $map: &impl View<u64>, At { i: $i, .. }: At, (): &mut ()) {
                $operation
            }
        }
    };
}

const MANY: u64 = 1024;
const HALF: u64 = 128;

/// The keys of a balanced shape: a half of them is there, and the other ones come once.
fn balanced(i: u64) -> u64 {
    let key = i % (2 * HALF);
    if key < HALF { key } else { i }
}

/// `MANY` keys, of which `hits` are there; the other ones come once.
fn mostly(hits: u64, i: u64) -> u64 {
    let key = i % MANY;
    if key < hits { key } else { i }
}

shape!(LoadMostlyHits, reads = true, keys = MANY - 1, |map, i| {
    black_box(map.get(&(i % MANY)));
});
shape!(LoadMostlyMisses, reads = true, keys = 1, |map, i| {
    black_box(map.get(&(i % MANY)));
});
shape!(LoadOrStoreBalanced, keys = HALF, |map, i| {
    black_box(map.get_or_insert(balanced(i), i));
});
shape!(LoadOrStoreUnique, keys = 0, |map, i| {
    black_box(map.get_or_insert(i, i));
});
shape!(LoadOrStoreCollision, keys = 1, |map, _i| {
    black_box(map.get_or_insert(0, 0));
});
shape!(LoadAndDeleteBalanced, keys = HALF, |map, i| {
    black_box(map.remove(&balanced(i)));
});
shape!(LoadAndDeleteUnique, keys = 0, |map, i| {
    black_box(map.remove(&i));
});
shape!(LoadAndDeleteCollision, keys = 1, |map, _i| {
    black_box(map.remove(&0));
});
// An operation is an iteration over all keys.
shape!(Range, reads = true, keys = MANY, |map, _i| map.for_each(|key, value| {
    black_box((key, value));
}));
// One that is there is replaced by another one now and then, which makes a promotion of all.
shape!(AdversarialDelete, keys = MANY, |map, i| {
    black_box(map.get(&i));
    if i % MANY == 0 {
        if let Some(key) = map.any() {
            map.remove(&key);
        }
        map.insert(i, i);
    }
});
shape!(DeleteCollision, keys = 1, |map, _i| {
    map.remove(&0);
});
shape!(SwapCollision, keys = 1, |map, _i| {
    black_box(map.insert(0, 0));
});
shape!(SwapMostlyHits, keys = MANY - 1, |map, i| swap(map, MANY - 1, i));
shape!(SwapMostlyMisses, keys = 1, |map, i| swap(map, 1, i));
shape!(CompareAndSwapCollision, keys = 1, |map, _i| {
    if map.compare_exchange(&0, 0, 42) {
        map.compare_exchange(&0, 42, 0);
    }
});
shape!(CompareAndSwapNoExistingKey, keys = 0, |map, i| {
    if map.compare_exchange(&i, 0, 0) {
        map.remove(&i);
    }
});
shape!(CompareAndSwapValueNotEqual, keys = 1, |map, _i| {
    black_box(map.compare_exchange(&0, 1, 2));
});
shape!(CompareAndSwapMostlyHits, keys = MANY - 1, |map, i| {
    let key = mostly(MANY - 1, i);
    black_box(map.compare_exchange(&key, key, key));
});
shape!(CompareAndSwapMostlyMisses, keys = 1, |map, i| {
    let key = mostly(1, i);
    black_box(map.compare_exchange(&key, key, key));
});
shape!(CompareAndDeleteCollision, keys = 1, |map, _i| {
    if map.compare_remove(&0, 0) {
        map.insert(0, 0);
    }
});
shape!(CompareAndDeleteMostlyHits, keys = MANY - 1, |map, i| compare_and_delete(map, mostly(MANY - 1, i)));
shape!(CompareAndDeleteMostlyMisses, keys = 1, |map, i| compare_and_delete(map, mostly(1, i)));

#[inline]
fn swap(map: &impl View<u64>, hits: u64, i: u64) {
    let key = mostly(hits, i);
    black_box(map.insert(key, key));
    if i % MANY >= hits {
        map.remove(&i);
    }
}

#[inline]
fn compare_and_delete(map: &impl View<u64>, key: u64) {
    if map.compare_remove(&key, key) {
        map.insert(key, key);
    }
}

/// Stores a new key when the map has just been promoted, by Go's rule for when that is; else
/// looks for one that isn't there.
struct AdversarialAlloc;

impl Shape for AdversarialAlloc {
    const NAME: &'static str = "AdversarialAlloc";
    type Key = u64;
    /// How many were stored, and the lookups since the last one.
    type State = (u64, u64);

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { i, .. }: At, (stores, loads): &mut (u64, u64)) {
        black_box(map.get(&i));
        *loads += 1;
        if *loads > *stores {
            map.get_or_insert(i, *stores);
            *loads = 0;
            *stores += 1;
        }
    }
}
