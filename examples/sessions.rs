//! A cache of sessions that expire: a gateway keeps one for each peer, each message touches it, and a timer removes
//! those that were not touched for a while.
//!
//! `retain` removes a session only if it still has the value that was looked at. So a touch is an `update`: either
//! there is no removal, or no session to touch. (An atomic inside the session would be cheaper to touch, but `retain`
//! does not see it change: a session could be removed just after it was touched.)
//!
//! What it costs: a touch copies the session, without the lock. Who has a guard keeps the session's memory, even if it
//! has expired; `garbage()` counts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use twinmap::SyncMap;

const TIMEOUT: u32 = 3;
static SESSIONS: SyncMap<u32, Session> = SyncMap::new();
/// In ticks. It stands still while a tick's work is done.
static CLOCK: AtomicU32 = AtomicU32::new(0);

#[derive(Clone)]
struct Session {
    peer: Arc<str>,
    touched: u32,
}

fn open(id: u32, peer: &str) {
    SESSIONS.insert(id, Session { peer: peer.into(), touched: CLOCK.load(Relaxed) });
}

/// Whether the session is there, and now stays for a while.
fn touch(id: u32) -> bool {
    SESSIONS.update(&id, |session| Session { touched: CLOCK.load(Relaxed), ..session.clone() }).is_some()
}

/// `interrupt` comes at the worst moment: a session was seen to have expired, and is not removed yet.
fn expire(interrupt: impl Fn(u32)) {
    SESSIONS.pin().retain(|&id, session| {
        let stays = CLOCK.load(Relaxed) - session.touched < TIMEOUT;
        if !stays {
            interrupt(id);
        }
        stays
    });
}

fn main() {
    const BUSY: u32 = 0; // Touched in every tick.
    const LATE: u32 = 1; // Touched just when it expires, every other time.
    const IDLE: u32 = 2; // Not touched, but looked at all the time.

    open(BUSY, "panel");
    open(LATE, "tablet");
    open(IDLE, "logger");
    let looked_at = SESSIONS.get(&IDLE).expect("was opened");
    let peer = Arc::downgrade(&looked_at.peer);

    let mut removed = 0;
    for tick in 1..=600 {
        CLOCK.store(tick, Relaxed);
        let message_comes = tick % (2 * TIMEOUT) == 0;
        thread::scope(|scope| {
            scope.spawn(|| expire(|id| assert!(id != LATE || !message_comes || touch(id))));
            assert!(touch(BUSY), "removed, though it was touched in the tick before");
        });
        if !SESSIONS.contains_key(&LATE) {
            assert!(!message_comes, "removed, though it was touched");
            removed += 1;
            open(LATE, "tablet");
        }
    }

    assert_eq!(removed, 600 / (2 * TIMEOUT));
    assert!(!SESSIONS.contains_key(&IDLE) && peer.strong_count() == 1, "gone under a guard: {}", looked_at.peer);
    drop(looked_at);
    SESSIONS.reclaim();
    assert_eq!(peer.strong_count(), 0, "kept without a guard");
    println!("sessions: ok: {removed} sessions expired, none that was touched, and none under a guard");
}
