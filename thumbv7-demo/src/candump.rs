//! Reads one line of a log in candump's file format (`candump -l`, `candump -L`).
//!
//! ```text
//! (1436509052.249713) can0 244#0000000116           11-bit identifier
//! (1436509052.250000) can0 18FEF100#FFFFFFFF00 R    29-bit, with the direction that `-x` appends
//! (1436509052.250310) can0 5A0#R4                   remote frame
//! (1436509052.250731) can0 123##1AABB               CAN FD: recognised, not kept
//! ```
//!
//! Pure: no allocation, no I/O. What is neither a frame nor blank nor something known that is not kept is
//! [`Malformed`], whatever its bytes.

/// Set in a [`Message::id`] of 29 bits: 123 and 00000123 are two identifiers on the bus.
pub const EXTENDED: u32 = 1 << 31;

/// Set by SocketCAN in the identifier of an error frame.
const ERROR_FLAG: u32 = 1 << 29;

/// A classic CAN frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Microseconds since the epoch.
    pub at_us: u64,
    /// The identifier, with [`EXTENDED`].
    pub id: u32,
    pub remote: bool,
    /// The number of data bytes, or the number that a remote frame asks for.
    pub len: u8,
    pub data: [u8; 8],
}

/// A line that is no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Frame(Message),
    /// A CAN FD frame or an error frame.
    Unsupported,
    Blank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads `line`, which has no line feed.
pub fn parse(line: &[u8]) -> Result<Line, Malformed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let Some(stamp) = words.next() else {
        return Ok(Line::Blank);
    };
    let at_us = timestamp(stamp)?;
    let interface = words.next().ok_or(Malformed)?;
    if !interface.iter().all(u8::is_ascii_graphic) {
        return Err(Malformed);
    }
    let frame = words.next().ok_or(Malformed)?;
    if !matches!(words.next(), None | Some(b"R" | b"T")) || words.next().is_some() {
        return Err(Malformed);
    }
    let hash = frame.iter().position(|&byte| byte == b'#').ok_or(Malformed)?;
    let (id, rest) = (identifier(&frame[..hash])?, &frame[hash + 1..]);
    if let Some(fd) = rest.strip_prefix(b"#") {
        return flexible_data(fd);
    }
    let (remote, len, data) = match rest.split_first() {
        Some((b'R', rest)) => (true, remote_length(rest)?, [0; 8]),
        _ => payload(rest).map(|(len, data)| (false, len, data))?,
    };
    Ok(match id {
        Some(id) => Line::Frame(Message { at_us, id, remote, len, data }),
        None => Line::Unsupported,
    })
}

/// `(seconds.fraction)`: microseconds, or nanoseconds with `candump -N`.
fn timestamp(word: &[u8]) -> Result<u64, Malformed> {
    let inner = word.strip_prefix(b"(").and_then(|word| word.strip_suffix(b")")).ok_or(Malformed)?;
    let dot = inner.iter().position(|&byte| byte == b'.').ok_or(Malformed)?;
    let (seconds, fraction) = (&inner[..dot], &inner[dot + 1..]);
    if !(1..=12).contains(&seconds.len()) || !matches!(fraction.len(), 6 | 9) {
        return Err(Malformed);
    }
    let micros = decimal(fraction)? / if fraction.len() == 9 { 1000 } else { 1 };
    Ok(decimal(seconds)? * 1_000_000 + micros)
}

fn decimal(digits: &[u8]) -> Result<u64, Malformed> {
    digits.iter().try_fold(0, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
        _ => Err(Malformed),
    })
}

/// Three hex digits for 11 bits, eight for 29; `None` is an error frame's.
fn identifier(digits: &[u8]) -> Result<Option<u32>, Malformed> {
    let id = digits.iter().try_fold(0u32, |id, &digit| Ok(id << 4 | u32::from(hex(digit)?)));
    match (digits.len(), id?) {
        (3, id) if id < 1 << 11 => Ok(Some(id)),
        (8, id) if id < ERROR_FLAG => Ok(Some(id | EXTENDED)),
        (8, id) if id < ERROR_FLAG << 1 => Ok(None),
        _ => Err(Malformed),
    }
}

/// Up to 8 bytes. A full frame may carry its raw length code: `_9` to `_F`.
fn payload(digits: &[u8]) -> Result<(u8, [u8; 8]), Malformed> {
    let digits = match digits {
        [bytes @ .., b'_', code] if bytes.len() == 16 && hex(*code)? > 8 => bytes,
        _ => digits,
    };
    let (mut len, mut data) = (0, [0; 8]);
    for pair in digits.chunks(2) {
        let [high, low] = pair else {
            return Err(Malformed);
        };
        *data.get_mut(usize::from(len)).ok_or(Malformed)? = hex(*high)? << 4 | hex(*low)?;
        len += 1;
    }
    Ok((len, data))
}

/// What follows the `R` of a remote frame: nothing, or the length that it asks for.
fn remote_length(digits: &[u8]) -> Result<u8, Malformed> {
    match digits {
        [] => Ok(0),
        [digit @ b'0'..=b'8'] => Ok(digit - b'0'),
        [b'8', b'_', code] if hex(*code)? > 8 => Ok(8),
        _ => Err(Malformed),
    }
}

/// What follows the `##` of a CAN FD frame: a digit of flags and up to 64 bytes.
fn flexible_data(digits: &[u8]) -> Result<Line, Malformed> {
    let all_hex = digits.iter().all(u8::is_ascii_hexdigit);
    if all_hex && digits.len() % 2 == 1 && digits.len() <= 129 { Ok(Line::Unsupported) } else { Err(Malformed) }
}

fn hex(digit: u8) -> Result<u8, Malformed> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(Malformed),
    }
}
