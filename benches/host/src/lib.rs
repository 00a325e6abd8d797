//! twinmap and its peers, behind one interface, and what is measured of them.
//!
//! The maps take their keys' hashes from the same hasher, and start empty. `cargo xtask bench-host` runs what is here.

pub mod run;
pub mod shapes;
pub mod subjects;
