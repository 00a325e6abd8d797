//! Boards with several cores, and those with one.

/// More cores than any board has are not started.
pub const MOST: usize = if cfg!(not(cores)) {
    1
} else if cfg!(target_arch = "arm") {
    2
} else {
    4
};

#[cfg(cores)]
#[cfg_attr(target_arch = "arm", path = "cores/mps2_an521.rs")]
#[cfg_attr(target_arch = "riscv32", path = "cores/virt.rs")]
mod board;

#[cfg(cores)]
pub use board::{id, pass_turn, start};

/// The number of the core that asks, from 0.
#[cfg(not(cores))]
pub fn id() -> usize {
    0
}
