//! What a plain program makes of a CAN log: the latest frame of each identifier in an ordinary `HashMap`.
//!
//! Written apart from the firmware's parser, so that a fault in one shows as a difference.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use anyhow::{Context, Result, bail};

/// The longest line, in bytes, that counts as a line of a log.
const LONGEST: usize = 200;

/// The latest frame of an identifier, and its count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub first_us: u64,
    pub last_us: u64,
    pub count: u64,
    pub payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    Data(Vec<u8>),
    Remote(u8),
}

/// A log, or the firmware's dump of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CanLog {
    pub frames: u64,
    pub malformed: u64,
    pub unsupported: u64,
    /// By identifier, in digits: three for 11 bits, eight for 29.
    pub kept: HashMap<String, Kept>,
}

enum Line {
    Frame { id: String, at_us: u64, payload: Payload },
    Unsupported,
    Blank,
}

impl CanLog {
    /// Reads a log in candump's format, whatever it is.
    pub fn read(bytes: &[u8]) -> Self {
        let mut log = Self::default();
        let lines = bytes.split(|byte| *byte == b'\n');
        for line in lines {
            let text = std::str::from_utf8(line).ok().filter(|line| line.len() <= LONGEST);
            match text.and_then(read_line) {
                Some(Line::Frame { id, at_us, payload }) => log.keep(id, at_us, payload),
                Some(Line::Unsupported) => log.unsupported += 1,
                Some(Line::Blank) => {}
                None => log.malformed += 1,
            }
        }
        log
    }

    fn keep(&mut self, id: String, at_us: u64, payload: Payload) {
        self.frames += 1;
        let fresh = Kept { first_us: at_us, last_us: 0, count: 0, payload: Payload::Remote(0) };
        let kept = self.kept.entry(id).or_insert(fresh);
        kept.last_us = at_us;
        kept.count += 1;
        kept.payload = payload;
    }

    /// Reads the lines of a dump of the firmware's.
    pub fn from_dump(lines: &[String]) -> Result<Self> {
        let mut log = Self::default();
        for line in lines {
            log.add_dump_line(line).with_context(|| format!("the firmware's dump has an unknown line: {line}"))?;
        }
        Ok(log)
    }

    fn add_dump_line(&mut self, line: &str) -> Result<()> {
        if let Some(rest) = line.strip_prefix("lines ") {
            self.frames = field(rest, "frames")?.parse()?;
            self.malformed = field(rest, "malformed")?.parse()?;
            self.unsupported = field(rest, "unsupported")?.parse()?;
            return Ok(());
        }
        let (line, data) = line.split_once(" data=").context("no data")?;
        let (id, rest) = line.strip_prefix("id ").and_then(|line| line.split_once(' ')).context("no id")?;
        let len: u8 = field(rest, "len")?.parse()?;
        let payload = match field(rest, "kind")? {
            "R" => Payload::Remote(len),
            _ => Payload::Data(bytes(&data.replace(' ', "")).context("not hexadecimal")?),
        };
        let kept = Kept {
            first_us: field(rest, "first")?.parse()?,
            last_us: field(rest, "last")?.parse()?,
            count: field(rest, "count")?.parse()?,
            payload,
        };
        if self.kept.insert(id.to_owned(), kept).is_some() {
            bail!("{id} is there twice");
        }
        Ok(())
    }

    /// Where `firmware`, made of a dump, differs from this log: the first difference in the order of identifiers.
    pub fn first_difference(&self, firmware: &Self) -> Option<String> {
        let totals = [
            ("frames", self.frames, firmware.frames),
            ("malformed lines", self.malformed, firmware.malformed),
            ("CAN FD or error frames", self.unsupported, firmware.unsupported),
        ];
        for (what, here, there) in totals {
            if here != there {
                return Some(format!("{there} {what} in the firmware, {here} on the host"));
            }
        }
        let all: BTreeMap<_, _> = self.kept.iter().chain(&firmware.kept).collect();
        all.into_keys().find_map(|id| match (self.kept.get(id), firmware.kept.get(id)) {
            (Some(here), Some(there)) if here == there => None,
            (Some(here), Some(there)) => Some(format!("{id}: in the firmware {there}, on the host {here}")),
            (Some(_), None) => Some(format!("{id} is not in the firmware's cache")),
            (None, _) => Some(format!("{id} is in the firmware's cache, but not in the log")),
        })
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { first_us, last_us, count, payload } = self;
        write!(f, "{count} frames from {first_us} to {last_us} µs, {payload:02X?}")
    }
}

/// The value of `key=value` among words.
fn field<'a>(words: &'a str, key: &str) -> Result<&'a str> {
    words.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('=')).with_context(|| format!("no {key}"))
}

/// `(seconds.fraction) interface frame [R|T]`; `None` if it's anything else.
fn read_line(line: &str) -> Option<Line> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let (stamp, interface, frame) = match words[..] {
        [] => return Some(Line::Blank),
        [stamp, interface, frame] | [stamp, interface, frame, "R" | "T"] => (stamp, interface, frame),
        _ => return None,
    };
    let at_us = microseconds(stamp)?;
    if interface.contains(|c: char| !c.is_ascii_graphic()) {
        return None;
    }
    let (id, rest) = frame.split_once('#')?;
    let bits = number(id, 16)?;
    let error_frame = match id.len() {
        3 if bits <= 0x7FF => false,
        8 if bits <= 0x3FFF_FFFF => bits >= 0x2000_0000,
        _ => return None,
    };
    if let Some(fd) = rest.strip_prefix('#') {
        // A digit of flags, then bytes.
        let data = bytes(fd.get(1..)?)?;
        number(&fd[..1], 16)?;
        return (data.len() <= 64).then_some(Line::Unsupported);
    }
    let payload = payload(rest)?;
    Some(if error_frame { Line::Unsupported } else { Line::Frame { id: id.to_ascii_uppercase(), at_us, payload } })
}

fn payload(text: &str) -> Option<Payload> {
    let (text, code) = match text.split_once('_') {
        Some((text, code)) => (text, Some(number(code, 16).filter(|_| code.len() == 1)?)),
        None => (text, None),
    };
    let payload = match text.strip_prefix('R') {
        Some("") => Payload::Remote(0),
        Some(digit) => Payload::Remote(number(digit, 10).filter(|len| *len <= 8 && digit.len() == 1)? as u8),
        None => Payload::Data(bytes(text).filter(|data| data.len() <= 8)?),
    };
    // A raw length code beyond 8 is only written with a length of 8.
    let full = match &payload {
        Payload::Data(data) => data.len() == 8,
        Payload::Remote(len) => *len == 8,
    };
    let fine = code.is_none_or(|code| full && (9..=15).contains(&code));
    fine.then_some(payload)
}

fn microseconds(stamp: &str) -> Option<u64> {
    let (seconds, fraction) = stamp.strip_prefix('(')?.strip_suffix(')')?.split_once('.')?;
    let micros = match fraction.len() {
        6 => number(fraction, 10)?,
        9 => number(fraction, 10)? / 1000,
        _ => return None,
    };
    let seconds = number(seconds, 10).filter(|_| seconds.len() <= 12)?;
    Some(seconds * 1_000_000 + micros)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || digits.len() % 2 == 1 {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs.map(|pair| number(pair, 16).map(|byte| byte as u8)).collect()
}

/// Digits and nothing else: no sign, at least one.
fn number(digits: &str, radix: u32) -> Option<u64> {
    let plain = digits.chars().all(|c| c.is_digit(radix));
    u64::from_str_radix(digits, radix).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests;
