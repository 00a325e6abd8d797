//! The firmware that logs by defmt: what it logs are numbers, whose meaning is in its image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use defmt_decoder::{DecodeError, Table};

use crate::boards::{Clock, LM3S6965EVB};
use crate::image;

/// Runs an image to its end, and prints what it logs.
pub fn run(image: &Path) -> Result<()> {
    let path = image.to_str().context("the image's path is not UTF-8")?;
    let elf = fs::read(image).with_context(|| format!("cannot read {path}"))?;
    let table = Table::parse(&elf)?.with_context(|| format!("{path} logs nothing by defmt"))?;
    let (mut logged, mut notes) = (Vec::new(), String::new());
    let qemu = LM3S6965EVB.run(Clock::Instructions { finer: 0 }, false, path, "");
    let end = image::raw(qemu, &mut logged, &mut notes)?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(&logged);
    loop {
        match decoder.decode() {
            Ok(frame) => println!("{}", frame.display_message()),
            Err(DecodeError::UnexpectedEof) => break,
            Err(DecodeError::Malformed) => bail!("what it logs cannot be read"),
        }
    }
    print!("{notes}");
    match end {
        Some(end) => bail!("{end}"),
        None => Ok(()),
    }
}

/// What a comment `// log:` says is logged, in this order.
pub fn says_what_it_logs(source: &str, output: &str) -> Result<()> {
    let mut lines = output.lines();
    for (_, said) in source.lines().filter_map(|line| line.split_once("; // log: ")) {
        ensure!(lines.any(|line| line == said), "it did not log `{said}`, or not then");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_logged_in_this_order() {
        let source = "a(); // log: one\nb();\nc(); // log: two\n";
        assert!(says_what_it_logs(source, "zero\none\nand\ntwo\n").is_ok());
        assert!(says_what_it_logs(source, "two\none\n").is_err());
    }
}
