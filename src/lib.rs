#![doc = include_str!("../README.md")]
#![no_std]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;

mod error;
mod lock;

#[cfg(feature = "alloc")]
mod dirty;
#[cfg(feature = "alloc")]
mod entry;
#[cfg(feature = "alloc")]
mod garbage;
#[cfg(feature = "alloc")]
mod iter;
#[cfg(feature = "alloc")]
mod map;
#[cfg(feature = "alloc")]
mod owned;
#[cfg(feature = "alloc")]
mod pinned;
#[cfg(feature = "alloc")]
mod readers;
#[cfg(feature = "alloc")]
mod storage;
#[cfg(feature = "alloc")]
mod sync;
#[cfg(feature = "alloc")]
mod sync_map;
#[cfg(feature = "alloc")]
mod traits;
#[cfg(feature = "alloc")]
mod upkeep;
#[cfg(feature = "alloc")]
mod write;

#[cfg(all(test, feature = "alloc", not(loom)))]
mod steps;

pub use error::{CompareExchangeError, ErrorKind, InsertError, WouldBlock};
#[cfg(feature = "critical-section")]
pub use lock::CriticalSectionLock;
pub use lock::SpinLock;
pub use mutex_traits::ScopedRawMutex;

#[cfg(feature = "alloc")]
pub use equivalent::Equivalent;
#[cfg(feature = "alloc")]
pub use garbage::Garbage;
#[cfg(feature = "alloc")]
pub use iter::{Iter, Keys, Values};
#[cfg(feature = "alloc")]
pub use owned::{Drain, IntoIter, IterMut};
#[cfg(feature = "alloc")]
pub use pinned::{Pinned, Ref};
#[cfg(feature = "alloc")]
pub use rustc_hash::FxBuildHasher;
#[cfg(feature = "alloc")]
pub use sync_map::SyncMap;
