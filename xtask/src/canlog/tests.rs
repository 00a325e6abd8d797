//! The host's reader alone, and against the firmware's parser: that one is pure, so it can be built here too.

#[path = "../../../thumbv7-demo/src/candump.rs"]
mod firmware;

use super::*;

const LINES: &[&str] = &[
    "(1436509052.249713) can0 244#0000000116",
    "(1436509052.249713) can0 244#0000000116\r",
    "(1436509052.249713)   vcan0  18FEF100#ffee R",
    "(1436509052.249713) can0 18FEF100#FFEE T",
    "(1436509052.249713) can0 7FF#",
    "(1436509052.249713) can0 800#",
    "(1436509052.249713) can0 5A0#R",
    "(1436509052.249713) can0 5A0#R4",
    "(1436509052.249713) can0 5A0#R9",
    "(1436509052.249713) can0 5A0#R8_F",
    "(1436509052.249713) can0 5A0#R8_8",
    "(1436509052.249713) can0 5A0#R4_F",
    "(1436509052.249713) can0 5A0#R_F",
    "(1436509052.249713) can0 123#1122334455667788",
    "(1436509052.249713) can0 123#1122334455667788_9",
    "(1436509052.249713) can0 123#1122334455667788_99",
    "(1436509052.249713) can0 123#1122334455667788_",
    "(1436509052.249713) can0 123#11223344556677_9",
    "(1436509052.249713) can0 123#112233445566778899",
    "(1436509052.249713) can0 123#1",
    "(1436509052.249713) can0 123#GG",
    "(1436509052.249713) can0 123##1",
    "(1436509052.249713) can0 123##1AABB",
    "(1436509052.249713) can0 123##1AAB",
    "(1436509052.249713) can0 123##",
    "(1436509052.249713) can0 20000004#0000000000000000",
    "(1436509052.249713) can0 20000004#00000000000000001",
    "(1436509052.249713) can0 40000004#00",
    "(1436509052.249713) can0 00000123#AA",
    "(1436509052.249713) can0 1234#AA",
    "(1436509052.249713) can0 +23#AA",
    "(1436509052.249713123) can0 123#AA",
    "(1436509052.2497) can0 123#AA",
    "(1436509052) can0 123#AA",
    "(.249713) can0 123#AA",
    "(1234567890123.249713) can0 123#AA",
    "(123456789012.249713) can0 123#AA",
    "1436509052.249713 can0 123#AA",
    "(1436509052.249713) can0",
    "(1436509052.249713) can0 123",
    "(1436509052.249713) can0 123#AA X",
    "(1436509052.249713) can0 123#AA R T",
    "(1436509052.249713) c\u{1}n0 123#AA",
    "(1436509052.249713) c\u{e4}n0 123#AA",
    "",
    "  \t ",
    "\r",
    "# a comment",
    "  can0  244   [5]  00 00 00 01 16",
];

/// What the firmware's parser makes of a line, in this module's terms.
fn by_firmware(line: &str) -> CanLog {
    let mut log = CanLog::default();
    match firmware::parse(line.as_bytes()) {
        Ok(firmware::Line::Frame(message)) => {
            let id = match message.id & firmware::EXTENDED {
                0 => format!("{:03X}", message.id),
                _ => format!("{:08X}", message.id & !firmware::EXTENDED),
            };
            let payload = match message.remote {
                true => Payload::Remote(message.len),
                false => Payload::Data(message.data[..message.len.into()].to_vec()),
            };
            log.keep(id, message.at_us, payload);
        }
        Ok(firmware::Line::Unsupported) => log.unsupported += 1,
        Ok(firmware::Line::Blank) => {}
        Err(firmware::Malformed) => log.malformed += 1,
    }
    log
}

#[test]
fn the_firmware_and_the_host_agree_on_every_line() {
    for line in LINES {
        assert_eq!(CanLog::read(line.as_bytes()), by_firmware(line), "{line:?}");
    }
}

#[test]
fn the_firmware_and_the_host_agree_on_damaged_lines() {
    let mut random = crate::genlog::Random(1);
    for _ in 0..100_000 {
        let line = LINES[random.below(LINES.len() as u64) as usize];
        let mut line: Vec<char> = line.chars().collect();
        for _ in 0..1 + random.below(3) {
            let at = random.below(line.len() as u64 + 1) as usize;
            match random.below(3) {
                0 => line.insert(at, b"0189AFGafRT_#.() \t\r+"[random.below(20) as usize].into()),
                _ if at == line.len() => {}
                1 => drop(line.remove(at)),
                _ => line.truncate(at),
            }
        }
        let line = String::from_iter(line);
        assert_eq!(CanLog::read(line.as_bytes()), by_firmware(&line), "{line:?}");
    }
}

#[test]
fn the_latest_frame_is_kept_with_its_count() {
    let log = CanLog::read(b"(1.000001) can0 123#AA\n(2.000002) can0 123#BBCC\nnoise\n\n(3.0000");
    let kept = Kept { first_us: 1_000_001, last_us: 2_000_002, count: 2, payload: Payload::Data(vec![0xBB, 0xCC]) };
    assert_eq!((log.frames, log.malformed), (2, 2));
    assert_eq!(log.kept, HashMap::from([("123".to_owned(), kept)]));
}

#[test]
fn lines_are_malformed_beyond_the_longest() {
    let line = |length: usize| format!("(1.000001) {} 123#", "c".repeat(length - 16));
    assert_eq!(CanLog::read(line(LONGEST).as_bytes()).frames, 1);
    assert_eq!(CanLog::read(line(LONGEST + 1).as_bytes()).malformed, 1);
    assert_eq!(CanLog::read(&[0xFF; 10]).malformed, 1);
}

#[test]
fn a_dump_is_read_back() {
    let dump = [
        "lines frames=3 refused=0 malformed=1 unsupported=2",
        "id 123 first=1 last=2 count=2 kind=D len=2 data=BB CC",
        "id 18FEF100 first=3 last=3 count=1 kind=R len=4 data=remote",
    ];
    let read = CanLog::from_dump(&dump.map(str::to_owned)).unwrap();
    let data = Kept { first_us: 1, last_us: 2, count: 2, payload: Payload::Data(vec![0xBB, 0xCC]) };
    let remote = Kept { first_us: 3, last_us: 3, count: 1, payload: Payload::Remote(4) };
    assert_eq!((read.frames, read.malformed, read.unsupported), (3, 1, 2));
    assert_eq!(read.kept, HashMap::from([("123".to_owned(), data), ("18FEF100".to_owned(), remote)]));
    assert!(CanLog::from_dump(&["id 123 first=1".to_owned()]).is_err());
}

#[test]
fn the_first_difference_is_told() {
    let log = CanLog::read(b"(1.000001) can0 123#AA\n(1.000002) can0 124#");
    let mut other = CanLog::read(b"(1.000001) can0 123#AB\n(1.000002) can0 125#");
    assert_eq!(log.first_difference(&log), None);
    assert_eq!(
        log.first_difference(&other).unwrap(),
        "123: in the firmware 1 frames from 1000001 to 1000001 µs, Data([AB]), \
         on the host 1 frames from 1000001 to 1000001 µs, Data([AA])"
    );
    other.kept.insert("123".to_owned(), log.kept["123"].clone());
    assert_eq!(log.first_difference(&other).unwrap(), "124 is not in the firmware's cache");
    other.frames = 7;
    assert_eq!(log.first_difference(&other).unwrap(), "7 frames in the firmware, 2 on the host");
}
