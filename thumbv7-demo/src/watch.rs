//! Subscriptions: main makes and cancels them at run time, SysTick looks after them.
//!
//! SysTick iterates [`SUBSCRIPTIONS`] while main may be in the middle of changing them, looks each identifier up in the
//! cache that the UART's handler may be in the middle of writing, and overwrites the identifier's [`STATUS`].

use twinmap::CriticalSectionLock;

use crate::board::Map;
use crate::cache::{FRAMES, Frame, MAIN, TICK, UART};
use crate::candump::EXTENDED;
use crate::marker::Work;
use crate::{report, uart};

/// What main wants to know of an identifier.
#[derive(Clone, Copy)]
pub struct Rule {
    /// The alarm for silence.
    pub timeout_ms: u32,
    /// The alarm for a byte of the payload: index and the largest value that is fine.
    pub limit: Option<(usize, u8)>,
}

/// What SysTick found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No frame yet.
    Awaited,
    Fine,
    Silent,
    OverLimit,
}

impl State {
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::Silent | Self::OverLimit)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Fine => "fine",
            Self::Silent => "SILENT",
            Self::OverLimit => "OVER LIMIT",
        }
    }
}

/// An identifier's state at the last tick, and how many ticks there have been alarms.
#[derive(Clone, Copy)]
pub struct Status {
    pub state: State,
    pub alarms: u32,
}

pub static SUBSCRIPTIONS: Map<Rule, MOST> = Map::with_lock(CriticalSectionLock::new());
pub static STATUS: Map<Status, MOST> = Map::with_lock(CriticalSectionLock::new());

/// Subscriptions that stand from start to end, whether or not the log has these identifiers.
pub const STANDING: [(u32, Rule); 3] = [
    // Coolant: the temperature in byte 0, offset by 40 °C.
    (0x3D0, Rule { timeout_ms: 1000, limit: Some((0, 40 + 110)) }),
    // The gateway's heartbeat.
    (0x18FE_F100 | EXTENDED, Rule { timeout_ms: 300, limit: None }),
    // A trailer, which may not be there.
    (0x0CFE_6CEE | EXTENDED, Rule { timeout_ms: 1000, limit: None }),
];

/// How many of the busiest identifiers main subscribes to besides.
const BUSIEST: usize = 8;

/// How many subscriptions there are at most.
const MOST: usize = STANDING.len() + BUSIEST;

/// The ones that main subscribes to because they're busy.
pub struct Followed([Option<u32>; BUSIEST]);

impl Followed {
    pub const fn nobody() -> Self {
        Self([None; BUSIEST])
    }

    /// Subscribes to the busiest identifiers, and cancels those that are no longer among them.
    pub fn update(&mut self) {
        let busiest = report::busiest::<BUSIEST>();
        let now = busiest.map(|entry| entry.map(|(id, _)| id));
        for id in self.0.into_iter().flatten().filter(|id| !now.contains(&Some(*id))) {
            cancel(id);
        }
        for (id, frame) in busiest.into_iter().flatten() {
            let mean_ms = frame.period_us().unwrap_or(0) / 1000;
            let timeout_ms = (10 * mean_ms).clamp(50, 10_000) as u32;
            if !is_standing(id) {
                // Counted if refused; the next round tries again.
                let _ = MAIN.put(|| SUBSCRIPTIONS.try_insert(id, Rule { timeout_ms, limit: None }));
            }
        }
        self.0 = now;
    }
}

fn is_standing(id: u32) -> bool {
    STANDING.iter().any(|(standing, _)| *standing == id)
}

pub fn subscribe_standing() {
    for (id, rule) in STANDING {
        // Counted if refused, but these are the first.
        let _ = MAIN.put(|| SUBSCRIPTIONS.try_insert(id, rule));
    }
}

/// The subscription goes first: a tick in between finds none, and so leaves no status behind.
fn cancel(id: u32) {
    if !is_standing(id) {
        MAIN.remove(|| SUBSCRIPTIONS.remove(&id));
        MAIN.remove(|| STATUS.remove(&id));
    }
}

/// Cancels all.
pub fn cancel_all() {
    let mut all = [None; MOST];
    for (place, (id, _)) in all.iter_mut().zip(SUBSCRIPTIONS.pin().iter()) {
        *place = Some(*id);
    }
    for id in all.into_iter().flatten() {
        MAIN.remove(|| SUBSCRIPTIONS.remove(&id));
        MAIN.remove(|| STATUS.remove(&id));
    }
}

/// SysTick's work.
pub fn on_tick() {
    MAIN.note_interrupt();
    UART.note_interrupt();
    report::note_garbage();
    let now_us = uart::now_us();
    TICK.during(Work::Iteration, || {
        let subscriptions = SUBSCRIPTIONS.pin();
        for (id, rule) in subscriptions.iter() {
            let state = match TICK.get(|| FRAMES.get(id)) {
                Some(frame) => rule.judge(&frame, now_us),
                None => State::Awaited,
            };
            let before = TICK.get(|| STATUS.get(id)).map_or(0, |status| status.alarms);
            let status = Status { state, alarms: before + u32::from(state.is_alarm()) };
            // Counted if refused; the next tick tells it again.
            let _ = TICK.put(|| STATUS.try_insert(*id, status));
        }
    });
}

impl Rule {
    fn judge(&self, frame: &Frame, now_us: u64) -> State {
        TICK.check(frame);
        let over = |(index, most): (usize, u8)| frame.data[index] > most;
        if now_us.saturating_sub(frame.last_us) > u64::from(self.timeout_ms) * 1000 {
            State::Silent
        } else if self.limit.is_some_and(over) {
            State::OverLimit
        } else {
            State::Fine
        }
    }
}
