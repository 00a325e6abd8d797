//! `cargo xtask gen-log`: a log such as candump would record on a vehicle's 500 kbit/s bus in eight seconds.
//!
//! Identifiers with periods of 10 ms to 1 s and jitter, some that are sent on events, 29-bit ones, remote frames,
//! frames without data; a heartbeat that pauses, a coolant that gets too hot; and what a real recording has besides:
//! CAN FD frames, a cut line, noise, a last line without its end. No time and no chance but the seed's goes in, so the
//! same bytes come out each time.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cmd::root;
use crate::demo::LOG;

const START_US: u64 = 1_762_243_200_000_000;
const LENGTH_US: u64 = 8_000_000;

/// What a data byte or remote frame is made of.
#[derive(Clone, Copy)]
enum Payload {
    /// Slow signals, a counter in the last byte but one, a checksum in the last.
    Signals(usize),
    /// Degrees Celsius + 40, rising.
    Coolant,
    /// Nothing.
    Empty,
    /// A request for so many bytes.
    Remote(usize),
}

struct Source {
    id: u32,
    /// Digits of the identifier: 3 or 8.
    digits: usize,
    period_us: u64,
    payload: Payload,
    /// No frame between these two times.
    pause: (u64, u64),
    /// Sent on events: exponential distances with the period as their mean.
    sporadic: bool,
}

/// The same numbers from the same seed, everywhere (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

pub fn write(file: Option<&Path>) -> Result<()> {
    let path = file.map_or_else(|| root().join(LOG), Path::to_owned);
    std::fs::write(&path, generate()).with_context(|| format!("cannot write {}", path.display()))
}

fn sources() -> Vec<Source> {
    const NEVER: (u64, u64) = (0, 0);
    let periodic = |id: u32, digits, period_ms: u64, payload| Source {
        id,
        digits,
        period_us: period_ms * 1000,
        payload,
        pause: NEVER,
        sporadic: false,
    };
    let mut all = Vec::new();
    // The more urgent, the more often, as the identifiers of a vehicle are handed out.
    for (from, to, step, period_ms) in [
        (0x0A0, 0x0D8, 0x14, 10),
        (0x120, 0x1F0, 0x1A, 20),
        (0x200, 0x2F0, 0x1E, 50),
        (0x300, 0x3B0, 0x16, 100),
        (0x400, 0x4F0, 0x18, 500),
        (0x500, 0x5F0, 0x28, 1000),
    ] {
        for id in (from..to).step_by(step) {
            let len = [8, 8, 6, 8, 4, 3, 8, 5][id as usize / step % 8];
            all.push(periodic(id, 3, period_ms, Payload::Signals(len)));
        }
    }
    all.push(periodic(0x3D0, 3, 100, Payload::Coolant));
    all.push(periodic(0x080, 3, 100, Payload::Empty));
    all.push(periodic(0x5A0, 3, 500, Payload::Remote(4)));
    for (pgn, period_ms) in [(0xF004, 20), (0xF003, 50), (0xFEF1, 100), (0xFEEE, 500), (0xFEF2, 100), (0xFEE9, 1000)] {
        for node in [0x00, 0x0B] {
            all.push(periodic(0x18 << 24 | pgn << 8 | node, 8, period_ms, Payload::Signals(8)));
        }
    }
    for id in [0x2F1, 0x3E7, 0x6A1, 0x7DF] {
        all.push(Source { sporadic: true, ..periodic(id, 3, 700, Payload::Signals(2)) });
    }
    for source in &mut all {
        if source.id == 0x18FE_F100 {
            source.pause = (3_000_000, 4_200_000);
        }
    }
    all
}

fn generate() -> Vec<u8> {
    let mut random = Random(20_251_104);
    let sources = sources();
    let mut due: Vec<u64> = sources.iter().map(|source| random.below(source.period_us)).collect();
    let mut sent = vec![0u64; sources.len()];
    let (mut log, mut bus_free, mut lines) = (String::new(), 0, 0);
    loop {
        // Of those that wait when the bus becomes free, the lowest identifier wins.
        let next = *due.iter().min().expect("there are sources");
        let now = bus_free.max(next);
        if now >= LENGTH_US {
            break;
        }
        let winner = (0..due.len()).filter(|&at| due[at] <= now).min_by_key(|&at| sources[at].id & 0x7FF);
        let at = winner.expect("one is due");
        let source = &sources[at];
        let period = source.period_us;
        due[at] += if source.sporadic {
            // 64 coins: a distance with the period as its mean and exponential enough.
            period / 8 + period * u64::from(random.next().trailing_zeros()) * 7 / 8
        } else {
            period - period / 50 + random.below(period / 25)
        };
        if (source.pause.0..source.pause.1).contains(&now) {
            continue;
        }
        frame(&mut log, source, now, sent[at], &mut random);
        bus_free = now + 230;
        sent[at] += 1;
        lines += 1;
        oddity(&mut log, lines, now);
    }
    log.pop();
    log.into_bytes()
}

fn stamp(at_us: u64) -> String {
    let at_us = START_US + at_us;
    format!("({}.{:06})", at_us / 1_000_000, at_us % 1_000_000)
}

fn frame(log: &mut String, source: &Source, at_us: u64, number: u64, random: &mut Random) {
    let (id, digits) = (source.id, source.digits);
    let mut put = |text: String| log.push_str(&text);
    put(format!("{} can0 {id:0digits$X}#", stamp(at_us)));
    match source.payload {
        Payload::Empty => {}
        Payload::Remote(len) => put(format!("R{len}")),
        Payload::Coolant => put(format!("{:02X}FF7D00", 40 + 88 + at_us / 300_000)),
        Payload::Signals(len) => {
            let wave = at_us / 5000 + u64::from(id) * 37;
            let mut data = [wave as u8, (wave >> 8) as u8, (wave / 3) as u8, 0, random.below(4) as u8, 0xFF, 0, 0];
            data[len - 2] = (number & 15) as u8;
            data[len - 1] = data[..len - 1].iter().fold(id as u8, |sum, byte| sum ^ byte);
            put(data[..len].iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02X}");
                text
            }));
        }
    }
    log.push('\n');
}

/// What is not a frame, after so many lines.
fn oddity(log: &mut String, lines: u64, at_us: u64) {
    let at = stamp(at_us + 1);
    let odd = match lines {
        1500 | 4500 => format!("{at} can0 1F4##1{}", "0123456789ABCDEF".repeat(2)),
        2500 => format!("{at} can0 18FEF1"),
        5500 => "}#x~~{(17".to_owned(),
        6500 => format!("{at} can0 20000004#0004000000000000"),
        7500 => format!("{at} can0 120#{}", "A5".repeat(150)),
        _ => return,
    };
    log.push_str(&odd);
    log.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canlog::CanLog;

    #[test]
    fn the_shipped_log_is_the_generated_one() {
        let shipped = std::fs::read(root().join(LOG)).unwrap();
        assert!(shipped == generate(), "run `cargo xtask gen-log`");
    }

    #[test]
    fn the_log_has_what_a_recording_has() {
        let log = CanLog::read(&generate());
        assert!((8_000..12_000).contains(&log.frames), "{} frames", log.frames);
        assert!((60..200).contains(&log.kept.len()), "{} identifiers", log.kept.len());
        assert_eq!((log.malformed, log.unsupported), (3, 3));
    }
}
