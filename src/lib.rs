#![cfg_attr(any(doc, doctest), doc = include_str!(concat!(env!("OUT_DIR"), "/README.md")))]
#![cfg_attr(not(any(doc, doctest)), doc = "README.md is the documentation.")]
#![no_std]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;

mod error;
mod lock;

#[cfg(any(feature = "alloc", feature = "heapless"))]
mod count;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod dirty;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod entry;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod garbage;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod guard;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod in_place;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod insert;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod iter;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod map;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod owned;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod pinned;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod readers;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod stats;
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub mod storage;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod sync;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod traits;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod twin_map;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod upkeep;
#[cfg(any(feature = "alloc", feature = "heapless"))]
mod write;

#[cfg(all(feature = "defmt", any(feature = "alloc", feature = "heapless")))]
mod defmt;
#[cfg(all(feature = "serde", any(feature = "alloc", feature = "heapless")))]
mod serde;

#[cfg(feature = "heapless")]
mod fixed_map;
#[cfg(feature = "alloc")]
mod sync_map;

#[cfg(all(test, feature = "alloc", not(loom)))]
mod steps;

#[cfg(all(any(doc, doctest), feature = "alloc", feature = "heapless", feature = "critical-section"))]
pub mod guide;

pub use error::{CompareExchangeError, ErrorKind, InsertError, WouldBlock};
#[cfg(feature = "heapless")]
pub use fixed_map::FixedMap;
#[cfg(feature = "critical-section")]
pub use lock::CriticalSectionLock;
pub use lock::SpinLock;
pub use mutex_traits::ScopedRawMutex;
#[cfg(feature = "alloc")]
pub use sync_map::SyncMap;

#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use equivalent::Equivalent;
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use garbage::Garbage;
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use guard::Ref;
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use iter::{Iter, Keys, Values};
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use owned::{Drain, IntoIter, IterMut};
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use pinned::Pinned;
#[cfg(any(feature = "alloc", feature = "heapless"))]
#[doc(no_inline)]
pub use rustc_hash::FxBuildHasher;
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use stats::{CopyProgress, Stats};
#[cfg(any(feature = "alloc", feature = "heapless"))]
pub use twin_map::TwinMap;
