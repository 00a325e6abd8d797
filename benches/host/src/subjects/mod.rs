//! The maps that are compared.

mod left_right;
mod locked;
mod papaya;
mod sharded;
mod twin;

use std::hash::Hash;

pub use self::left_right::LeftRight;
pub use self::locked::{Bare, Spin, Std};
pub use self::papaya::{Papaya, PapayaPinned};
pub use self::sharded::{Dash, Scc};
pub use self::twin::{Twin, TwinPinned};

pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

/// A map as it is measured: the kind, and how it is used.
pub trait Subject<K: Key>: Sized {
    const NAME: &'static str;
    type View<'a>: View<K>
    where
        Self: 'a;

    fn with_capacity(capacity: usize) -> Self;

    /// A thread's access for some hundred operations: where it pins, all of them are under one pin.
    fn view(&self) -> Self::View<'_>;
}

/// The operations, named as in twinmap.
pub trait View<K> {
    fn get(&self, key: &K) -> Option<u64>;
    /// Go's `Swap`, and `Store`.
    fn insert(&self, key: K, value: u64) -> Option<u64>;
    /// Go's `LoadOrStore`.
    fn get_or_insert(&self, key: K, value: u64) -> u64;
    /// Go's `LoadAndDelete`, and `Delete`.
    fn remove(&self, key: &K) -> Option<u64>;
    /// Go's `CompareAndSwap`: whether the value was the current one.
    fn compare_exchange(&self, key: &K, current: u64, new: u64) -> bool;
    /// Go's `CompareAndDelete`.
    fn compare_remove(&self, key: &K, current: u64) -> bool;
    /// Go's `Range`.
    fn for_each(&self, f: impl FnMut(&K, u64));
    /// The key that an iteration has first.
    fn any(&self) -> Option<K>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<M: Subject<u64>>() {
        let map = M::with_capacity(16);
        let view = map.view();
        assert_eq!((view.any(), view.get(&1)), (None, None), "{}", M::NAME);
        assert_eq!((view.insert(1, 10), view.insert(1, 11)), (None, Some(10)), "{}", M::NAME);
        assert_eq!((view.get_or_insert(1, 12), view.get_or_insert(2, 20)), (11, 20), "{}", M::NAME);
        let mut all = Vec::new();
        view.for_each(|key, value| all.push((*key, value)));
        all.sort_unstable();
        assert_eq!(all, [(1, 11), (2, 20)], "{}", M::NAME);
        let exchanged = [(1, 10), (1, 11), (3, 11)].map(|(key, current)| view.compare_exchange(&key, current, 13));
        assert_eq!((exchanged, view.get(&1)), ([false, true, false], Some(13)), "{}", M::NAME);
        let removed = [(1, 10), (1, 13), (1, 13)].map(|(key, current)| view.compare_remove(&key, current));
        assert_eq!(removed, [false, true, false], "{}", M::NAME);
        assert_eq!((view.any(), view.remove(&2), view.remove(&2)), (Some(2), Some(20), None), "{}", M::NAME);
        assert_eq!(view.any(), None, "{}", M::NAME);
    }

    #[test]
    fn all_do_the_same() {
        check::<Twin<u64>>();
        check::<TwinPinned<u64>>();
        check::<Spin<u64>>();
        check::<Std<u64>>();
        check::<Dash<u64>>();
        check::<Papaya<u64>>();
        check::<PapayaPinned<u64>>();
        check::<Scc<u64>>();
        check::<LeftRight<u64>>();
        check::<Bare<u64>>();
    }
}
