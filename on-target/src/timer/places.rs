//! At how many instructions the timer's interrupt came.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A bit for each, or for those that lie so far apart in memory.
static PLACES: [AtomicU32; 256] = [const { AtomicU32::new(0) }; 256];

/// Forgets them.
pub fn clear() {
    PLACES.iter().for_each(|places| places.store(0, Relaxed));
}

/// Adds the one of this core's latest interrupt. For its handler.
pub fn add() {
    let place = super::interrupted_at() / 2 % (32 * PLACES.len());
    let places = &PLACES[place / 32];
    places.store(places.load(Relaxed) | 1 << (place % 32), Relaxed);
}

/// How many there were.
pub fn count() -> u32 {
    PLACES.iter().map(|places| places.load(Relaxed).count_ones()).sum()
}
