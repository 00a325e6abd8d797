//! What is printed: the table of the busiest identifiers, the closing account, the dump for the host's comparison.

use core::fmt;

use portable_atomic::{AtomicUsize, Ordering::Relaxed};
use semihosting::println;
use twinmap::Garbage;

use crate::cache::{Context, FRAMES, Frame, MAIN, TICK, UART};
use crate::candump::EXTENDED;
use crate::marker::Work;
use crate::uart::LINES;
use crate::watch::{STANDING, STATUS, SUBSCRIPTIONS, State};
use crate::{board, uart};

const ROWS: usize = 10;

/// The longest queue of each kind of garbage that SysTick saw, in all maps together.
static MOST_VALUES: AtomicUsize = AtomicUsize::new(0);
static MOST_ENTRIES: AtomicUsize = AtomicUsize::new(0);
static MOST_TABLES: AtomicUsize = AtomicUsize::new(0);

/// How late SysTick was at most, in ticks of its clock. Only a replay can tell: else the host's time counts as well.
static LATEST: AtomicUsize = AtomicUsize::new(0);

/// Called as SysTick's handler starts.
pub fn note_lateness(ticks: usize) {
    LATEST.fetch_max(ticks, Relaxed);
}

pub fn garbage() -> Garbage {
    let maps = [FRAMES.garbage(), SUBSCRIPTIONS.garbage(), STATUS.garbage()];
    let [mut all, second, third] = maps;
    for more in [second, third] {
        all.values += more.values;
        all.entries += more.entries;
        all.tables += more.tables;
    }
    all
}

/// Called at each tick.
pub fn note_garbage() {
    let now = garbage();
    MOST_VALUES.fetch_max(now.values, Relaxed);
    MOST_ENTRIES.fetch_max(now.entries, Relaxed);
    MOST_TABLES.fetch_max(now.tables, Relaxed);
}

/// The identifiers with most frames, the busiest first.
pub fn busiest<const N: usize>() -> [Option<(u32, Frame)>; N] {
    let mut top: [Option<(u32, Frame)>; N] = [None; N];
    MAIN.during(Work::Iteration, || {
        let frames = FRAMES.pin();
        for (id, frame) in frames.iter() {
            MAIN.check(frame);
            let mut entry = (*id, *frame);
            for place in &mut top {
                match place {
                    Some(held) if rank(held) >= rank(&entry) => {}
                    Some(held) => core::mem::swap(held, &mut entry),
                    None => {
                        *place = Some(entry);
                        break;
                    }
                }
            }
        }
    });
    top
}

/// By frames; of equals, the identifier that wins on the bus.
fn rank((id, frame): &(u32, Frame)) -> (u32, u32) {
    (frame.count, !id)
}

pub fn table(percent: usize) {
    let rows = busiest::<ROWS>();
    let now_us = uart::now_us();
    let log_ms = uart::elapsed_us() / 1000;
    println!();
    println!(
        "{percent:3} % of the log, {}.{:03} s of bus time: {} frames of {} identifiers",
        log_ms / 1000,
        log_ms % 1000,
        LINES.frames.load(Relaxed),
        FRAMES.len(),
    );
    println!("      id  frames  frames/s  age, ms  payload                  watch");
    for (id, frame) in rows.into_iter().flatten() {
        row(id, &frame, now_us);
    }
}

/// For the host to show, and to show the next in its place.
pub fn progress(percent: usize) {
    let log_ms = uart::elapsed_us() / 1000;
    println!("--- played {percent} % of the log, {}.{} s of bus time", log_ms / 1000, log_ms % 1000 / 100);
}

fn row(id: u32, frame: &Frame, now_us: u64) {
    let age_ms = now_us.saturating_sub(frame.last_us) / 1000;
    let watch = MAIN.get(|| STATUS.get(&id)).map_or("", |status| status.state.name());
    println!("{:>8} {:7} {:>9} {age_ms:8}  {:23}  {watch}", Id(id), frame.count, Rate(frame), Payload(frame),);
}

/// Tells of the alarms of the standing subscriptions, as they begin and end.
pub struct Alarms([State; STANDING.len()]);

impl Alarms {
    pub const fn none() -> Self {
        Self([State::Awaited; STANDING.len()])
    }

    pub fn tell(&mut self) {
        for ((id, _), before) in STANDING.into_iter().zip(&mut self.0) {
            let Some(now) = MAIN.get(|| STATUS.get(&id)).map(|status| status.state) else {
                continue;
            };
            if now != *before && (now.is_alarm() || before.is_alarm()) {
                let ms = uart::elapsed_us() / 1000;
                println!("  {}.{:03} s: {} is {}", ms / 1000, ms % 1000, Id(id), now.name());
            }
            *before = now;
        }
    }
}

/// What became of the standing subscriptions.
pub fn standing() {
    println!();
    println!("      id  frames  ticks with an alarm");
    for (id, _) in STANDING {
        let alarms = MAIN.get(|| STATUS.get(&id)).map_or(0, |status| status.alarms);
        match MAIN.get(|| FRAMES.get(&id)) {
            Some(frame) => println!("{:>8} {:7} {alarms:20}", Id(id), frame.count),
            None => println!("{:>8}       -  never seen", Id(id)),
        }
    }
}

pub fn closing(bytes: usize) {
    let line = |name, number: usize, unit| println!("{name:12}{number:10} {unit}");
    println!();
    line("log", bytes, "bytes");
    line("frames", LINES.frames.load(Relaxed), "");
    line("malformed", LINES.malformed.load(Relaxed), "lines");
    line("unsupported", LINES.unsupported.load(Relaxed), "lines: CAN FD and error frames");
    println!();
    operations();
    println!();
    line("promotions", promotions(), "");
    line("garbage", MOST_VALUES.load(Relaxed), "values at once, at most");
    line("", MOST_ENTRIES.load(Relaxed), "entries");
    line("", MOST_TABLES.load(Relaxed), "tables");
    if cfg!(feature = "replay") {
        line("late SysTick", LATEST.load(Relaxed), "ticks of its clock, at most");
    }
    let (name, number, unit) = board::memory(size_of_val(&FRAMES) + size_of_val(&SUBSCRIPTIONS) + size_of_val(&STATUS));
    line(name, number, unit);
}

/// How many, by who did them.
fn operations() {
    let by = [&MAIN, &UART, &TICK];
    let line = |name, count: fn(&Context) -> &AtomicUsize, what| {
        let [main, uart, tick] = by.map(|context| count(context).load(Relaxed));
        println!("{name:12}{main:10}{uart:10}{tick:10}  {what}");
    };
    let [main, uart, tick] = by.map(|context| context.name);
    println!("operations  {main:>10}{uart:>10}{tick:>10}");
    line("hits", |of| &of.hits, "lookups that found the key");
    line("misses", |of| &of.misses, "lookups that did not");
    line("new", |of| &of.new, "insertions of a new key");
    line("overwritten", |of| &of.overwritten, "insertions of a known key");
    line("refused", |of| &of.refused, "insertions that found no memory");
    line("removed", |of| &of.removed, "removals of a known key");
    line("interrupted", |of| &of.interrupted, "operations that a handler came into");
}

fn promotions() -> usize {
    FRAMES.promotions() + SUBSCRIPTIONS.promotions() + STATUS.promotions()
}

/// For the host, which makes the same of the log and compares. Times are in microseconds since the epoch.
pub fn dump() {
    println!("--- dump");
    println!(
        "lines frames={} refused={} malformed={} unsupported={}",
        LINES.frames.load(Relaxed),
        LINES.refused.load(Relaxed),
        LINES.malformed.load(Relaxed),
        LINES.unsupported.load(Relaxed),
    );
    for (id, frame) in FRAMES.pin().iter() {
        let kind = if frame.remote { 'R' } else { 'D' };
        println!(
            "id {} first={} last={} count={} kind={kind} len={} data={}",
            Id(*id),
            frame.first_us,
            frame.last_us,
            frame.count,
            frame.len,
            Payload(frame),
        );
    }
    println!("--- end of dump");
}

/// Three digits for 11 bits, eight for 29, as candump writes it.
struct Id(u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut text = [b'0'; 8];
        let digits = if self.0 & EXTENDED == 0 { 3 } else { 8 };
        for (place, digit) in text[..digits].iter_mut().rev().enumerate() {
            *digit = b"0123456789ABCDEF"[(self.0 as usize & !(EXTENDED as usize)) >> (4 * place) & 15];
        }
        f.pad(core::str::from_utf8(&text[..digits]).map_err(|_| fmt::Error)?)
    }
}

/// Frames in a second of bus time, with a decimal.
struct Rate<'a>(&'a Frame);

impl fmt::Display for Rate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let span = self.0.last_us.saturating_sub(self.0.first_us);
        match (u64::from(self.0.count - 1) * 10_000_000).checked_div(span) {
            Some(tenths) => write!(f, "{:>7}.{}", tenths / 10, tenths % 10),
            None => f.pad("-"),
        }
    }
}

/// The bytes in hexadecimal, in 23 columns.
struct Payload<'a>(&'a Frame);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let frame = self.0;
        if frame.remote {
            return f.pad("remote");
        }
        let mut text = [b' '; 23];
        for (byte, place) in frame.data[..frame.len.into()].iter().zip(text.chunks_mut(3)) {
            place[0] = b"0123456789ABCDEF"[usize::from(byte >> 4)];
            place[1] = b"0123456789ABCDEF"[usize::from(byte & 15)];
        }
        f.pad(core::str::from_utf8(&text).map_err(|_| fmt::Error)?.trim_end())
    }
}
