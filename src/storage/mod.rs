//! Where a map keeps its memory: names for types and bounds, of which nothing is called.
//!
//! `SyncMap` and `FixedMap` are one type, [`TwinMap`](crate::TwinMap), over one of these. A function for both of
//! them is generic over the storage:
//!
//! ```
//! use twinmap::storage::Storage;
//! use twinmap::{ScopedRawMutex, TwinMap};
//!
//! fn latest<St: Storage<u8, u32>, L: ScopedRawMutex>(map: &TwinMap<u8, u32, St, L, twinmap::FxBuildHasher>) -> u32 {
//!     map.pin().values().copied().max().unwrap_or(0)
//! }
//! ```

// The seam between the algorithm and memory.
//
// The algorithm handles three kinds of objects, `Node`s, `Entry`s and `Table`s, by a pointer-sized *handle* of the
// type `*mut T`. For the heap a handle is the object's address. For the inline storage it is a number
// (`ptr::without_provenance_mut`), so that a map may be moved; nothing but `Pool::locate` may therefore turn a
// handle into an address. Null and the address 1 are no handles: they mark states.
//
// The traits are public in a private module: they stand in the bounds of public types. All but `Storage` have no name
// outside, and so nobody outside can implement it.

#[cfg(feature = "alloc")]
mod heap;
#[cfg(feature = "heapless")]
mod inline;
mod seam;

#[cfg(feature = "alloc")]
pub use heap::Heap;
#[cfg(all(test, feature = "alloc", not(loom)))]
pub(crate) use heap::HeapIndex;
#[cfg(feature = "heapless")]
pub use inline::Inline;
pub use seam::Storage;
pub(crate) use seam::{Chain, Index, Limit, Link, Object, Owned, Pool, Reserved, Table, Vacant, new_storage, resolve};
