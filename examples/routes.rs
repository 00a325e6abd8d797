//! A routing table that is read all the time and changed now and then: workers look up a route for each packet, while
//! one thread replaces, adds and withdraws routes.
//!
//! A value is replaced as a whole, so a route's gateway and port belong together; and `insert` leaves no moment in
//! which there is neither the old route nor the new one (`remove` and `insert` would).
//!
//! What it costs: one pin for a burst of packets, and a probe for each prefix that is there; for one that is not, the
//! lock for a moment, if a prefix was added recently. A pin is not a snapshot: of two lookups under it the second may
//! find a newer route. What is replaced waits until the bursts that may see it are over.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use twinmap::{Pinned, SyncMap};

/// The first `length` bits of an address, the others zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Prefix {
    bits: u32,
    length: u32,
}

struct Route {
    gateway: u32,
    port: u32,
}

type Routes = SyncMap<Prefix, Route>;
static ROUTES: Routes = SyncMap::new();

fn prefix(address: u32, length: u32) -> Prefix {
    Prefix { bits: address & u32::MAX.checked_shl(32 - length).unwrap_or(0), length }
}

/// The route with the longest prefix.
fn route<'p>(routes: &'p Pinned<'_, Routes>, address: u32) -> Option<&'p Route> {
    [24, 16, 8, 0].iter().find_map(|&length| routes.get(&prefix(address, length)))
}

/// Routes by way of this gateway, whose port follows from it.
fn by(gateway: u32) -> Route {
    Route { gateway, port: !gateway }
}

fn main() {
    const READERS: usize = 4;
    const NETWORK: u32 = 0x0a_01_02_00; // 10.1.2.0

    for length in [0, 8, 16] {
        ROUTES.insert(prefix(NETWORK, length), by(length));
    }
    let reading = AtomicUsize::new(READERS);
    let (lookups, changes) = thread::scope(|scope| {
        let reader = || {
            let (mut lookups, mut seen, mut last) = (0, 0, 0);
            while seen < 50 {
                let routes = ROUTES.pin();
                for packet in 0..32 {
                    let route = route(&routes, NETWORK + packet).expect("there is a default route, and a /16");
                    assert_eq!(route.port, !route.gateway, "half of a route");
                    assert!(route.gateway >= 16, "a /8, though there is a /16");
                    seen += u32::from(route.gateway != last);
                    (last, lookups) = (route.gateway, lookups + 1);
                }
            }
            reading.fetch_sub(1, Relaxed);
            lookups
        };
        let readers = [(); READERS].map(|()| scope.spawn(reader));
        let mut changes = 0;
        while reading.load(Relaxed) > 0 {
            changes += 3;
            ROUTES.insert(prefix(NETWORK, 16), by(16 + changes));
            ROUTES.insert(prefix(NETWORK, 24), by(17 + changes));
            ROUTES.remove(&prefix(NETWORK, 24)); // From here on the /16 does for it.
        }
        (readers.into_iter().map(|reader| reader.join().unwrap()).sum::<u32>(), changes)
    });
    println!("routes: ok: {lookups} lookups by {READERS} readers during {changes} changes found whole routes");
}
