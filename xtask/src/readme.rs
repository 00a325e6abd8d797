//! What README.md tells a newcomer to do is done, from its own text: the program of five minutes is built and run, each
//! message under Troubleshooting is brought about, and what is quoted is compared.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cmd::{Cmd, Folder, files, root};
use crate::matrix::{DEMO, WITHOUT_CAS};
use crate::setup;

/// Builds and runs the program of "In five minutes", as somebody would who has nothing but the README;
/// then brings about the messages.
pub fn run() -> Result<()> {
    setup::targets(&[DEMO, WITHOUT_CAS])?;
    setup::qemu("qemu-system-arm")?;
    let readme = fs::read_to_string(root().join("README.md")).context("cannot read README.md")?;
    // Not within this workspace, to which `cargo new` would add it.
    let home = Folder::temporary("readme")?;
    let project = five_minutes(section(&readme, "In five minutes")?, home.path())?;
    messages(section(&readme, "Troubleshooting")?, &project)?;
    dependencies(section(&readme, "Features")?)?;
    excerpt(section(&readme, "With RTIC")?, "examples/rtic/src/main.rs")?;
    excerpt(section(&readme, "With Embassy")?, "examples/embassy/src/main.rs")
}

/// Writes the files, runs the commands, and compares what they print; returns the project's folder.
fn five_minutes(text: &str, home: &Path) -> Result<PathBuf> {
    let mut dir = home.to_owned();
    for block in blocks(text) {
        match block.place {
            Place::File { path, append } => write(&dir.join(path), block.text, append)?,
            Place::Shell => shell(block.text, &mut dir)?,
            Place::Nowhere => {}
        }
    }
    Ok(dir)
}

/// Runs the commands of a console in `dir`, which `cd` changes, and compares what they print with what
/// follows each, if anything does.
fn shell(console: &str, dir: &mut PathBuf) -> Result<()> {
    for typed in format!("\n{console}").split("\n$ ").skip(1) {
        let (command, expected) = typed.split_once('\n').unwrap_or((typed, ""));
        println!("$ {command}");
        if let Some(folder) = command.strip_prefix("cd ") {
            *dir = dir.join(folder);
            continue;
        }
        let printed = Cmd::new(command).args(unpublished(command)).at(dir).read()?;
        print!("{printed}");
        if !expected.is_empty() && printed.trim_end() != expected.trim_end() {
            bail!("`{command}` printed\n{printed}and not, as in README.md,\n{expected}");
        }
    }
    Ok(())
}

/// What Cargo needs for a command that builds, to take this twinmap instead of a published one.
fn unpublished(command: &str) -> Vec<String> {
    if command.starts_with("cargo run") || command.starts_with("cargo build") {
        vec!["--config".to_owned(), format!("patch.crates-io.twinmap.path={:?}", root())]
    } else {
        Vec::new()
    }
}

fn write(file: &Path, text: &str, append: bool) -> Result<()> {
    let before = if append { fs::read_to_string(file).unwrap_or_default() } else { String::new() };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(file, before + text).with_context(|| format!("cannot write {}", file.display()))
}

/// A message that the compiler or the linker gives, and how the program of five minutes comes to it.
struct Message {
    /// The beginning of the quotation.
    quoted: &'static str,
    /// In which file, what, and what instead.
    edits: &'static [(&'static str, &'static str, &'static str)],
    target: &'static str,
}

const MAIN: &str = "src/main.rs";
const MANIFEST: &str = "Cargo.toml";
const FEATURES: &str = r#"default-features = false, features = ["heapless", "critical-section"]"#;
const KEY: &str = "FixedMap<u8, u32, 16,";

const MESSAGES: &[Message] = &[
    Message { quoted: "dependents require atomic CAS", edits: &[], target: WITHOUT_CAS },
    Message {
        quoted: "you may not enable `critical-section` feature and",
        edits: &[(
            MANIFEST,
            FEATURES,
            r#"features = ["portable-atomic-critical-section", "portable-atomic-unsafe-assume-single-core"]"#,
        )],
        target: WITHOUT_CAS,
    },
    Message {
        quoted: "no global memory allocator found",
        edits: &[
            (MANIFEST, FEATURES, r#"features = ["critical-section"]"#),
            (MAIN, "FixedMap}", "SyncMap}"),
            (
                MAIN,
                "FixedMap<u8, u32, 16, CriticalSectionLock> = FixedMap",
                "SyncMap<u8, u32, CriticalSectionLock> = SyncMap",
            ),
            (MAIN, ".is_err()", ".is_none()"),
        ],
        target: DEMO,
    },
    Message {
        quoted: "unresolved import `twinmap::FixedMap`",
        edits: &[(MANIFEST, FEATURES, r#"features = ["critical-section"]"#)],
        target: DEMO,
    },
    Message {
        quoted: "evaluation panicked: FixedMap: N, the number of keys",
        edits: &[(MAIN, KEY, "FixedMap<u8, u32, 0,")],
        target: DEMO,
    },
    Message {
        quoted: "but its trait bounds were not satisfied",
        edits: &[
            (MAIN, KEY, "FixedMap<f32, u32, 16,"),
            (MAIN, "get(&7)", "get(&7.0)"),
            (MAIN, "insert(7,", "insert(7.0,"),
        ],
        target: DEMO,
    },
    Message {
        quoted: "`Cell<u32>` cannot be shared between threads safely",
        edits: &[(MAIN, KEY, "FixedMap<u8, core::cell::Cell<u32>, 16,")],
        target: DEMO,
    },
    Message {
        quoted: "undefined symbol: _critical_section_1_0_acquire",
        edits: &[(MANIFEST, r#", features = ["critical-section-single-core"]"#, "")],
        target: DEMO,
    },
];

/// Brings about each message that is quoted. Those of a running program have to be in src.
fn messages(text: &str, project: &Path) -> Result<()> {
    let mut left: Vec<_> = MESSAGES.iter().collect();
    for quotation in text.lines().filter_map(|line| line.strip_prefix("> ")) {
        let quoted = code_spans(quotation);
        let Some(first) = quoted.first() else { continue };
        let said = match left.iter().position(|message| first.contains(message.quoted)) {
            Some(i) => provoke(left.remove(i), project).with_context(|| format!("looking for `{first}`"))?,
            None => files("src")?.into_iter().map(|(_, text)| text).collect(),
        };
        for quoted in &quoted {
            if !said.contains(*quoted) {
                bail!("README.md quotes `{quoted}`, but there is\n{said}");
            }
        }
        println!("as quoted: {first}");
    }
    match left.first() {
        Some(message) => bail!("README.md does not quote `{}`", message.quoted),
        None => Ok(()),
    }
}

/// Makes the mistake in the project, and returns what the build says.
fn provoke(message: &Message, project: &Path) -> Result<String> {
    let read = |file: &str| fs::read_to_string(project.join(file)).with_context(|| format!("cannot read {file}"));
    let right = [MAIN, MANIFEST].map(|file| Ok::<_, anyhow::Error>((file, read(file)?)));
    for (file, from, to) in message.edits {
        let text = read(file)?;
        if !text.contains(from) {
            bail!("there is no `{from}` in the {file} of README.md");
        }
        write(&project.join(file), &text.replace(from, to), false)?;
    }
    let build = format!("cargo build --release --color never --target {}", message.target);
    let output = Cmd::new(&build).args(unpublished(&build)).at(project).output()?;
    for file in right {
        let (file, text) = file?;
        write(&project.join(file), &text, false)?;
    }
    if output.status.success() {
        bail!("it builds");
    }
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Compares the tree of dependencies with what Cargo says.
fn dependencies(text: &str) -> Result<()> {
    let shown =
        blocks(text).find(|block| block.text.starts_with("$ cargo tree")).context("there is no `cargo tree`")?;
    let (command, tree) = shown.text.split_once('\n').context("there is nothing after `cargo tree`")?;
    let now = Cmd::new(command.trim_start_matches("$ ")).read()?.replace(&format!(" ({})", root().display()), "");
    if now != tree {
        bail!("README.md does not show what `{command}` prints:\n{now}");
    }
    println!("as shown: {command}");
    Ok(())
}

/// Each line of the code in `text` has to be in `file`, which is run.
fn excerpt(text: &str, file: &str) -> Result<()> {
    let program = fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {file}"))?;
    let is_there = |line: &str| program.lines().any(|other| other.trim() == line.trim());
    let Some(line) = blocks(text).flat_map(|block| block.text.lines()).find(|line| !is_there(line)) else {
        println!("an excerpt: {file}");
        return Ok(());
    };
    bail!("README.md shows a line that is not in {file}: {line}")
}

/// The text under a heading of the second level.
fn section<'a>(text: &'a str, heading: &str) -> Result<&'a str> {
    let (_, rest) =
        text.split_once(&format!("\n## {heading}\n")).with_context(|| format!("README.md has no {heading}"))?;
    Ok(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
}

struct Block<'a> {
    text: &'a str,
    place: Place<'a>,
}

enum Place<'a> {
    /// It is named in a line of its own before.
    File {
        path: &'a str,
        append: bool,
    },
    Shell,
    Nowhere,
}

/// The fenced blocks of a text.
fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut pieces = text.split("```");
    let mut before = pieces.next().unwrap_or_default();
    std::iter::from_fn(move || {
        let (language, text) = pieces.next()?.split_once('\n')?;
        let caption = before.trim_end().lines().last().unwrap_or_default();
        let named = caption.strip_prefix('`').and_then(|rest| rest.split_once('`'));
        let place = match named {
            _ if language == "console" => Place::Shell,
            Some((path, ":")) => Place::File { path, append: false },
            Some((path, ", at its end:")) => Place::File { path, append: true },
            _ => Place::Nowhere,
        };
        before = pieces.next().unwrap_or_default();
        Some(Block { text, place })
    })
}

/// What a line has in backticks: as many as it takes, for there may be some within.
fn code_spans(line: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let inside = &rest[start + ticks..];
        let Some(end) = inside.find(&"`".repeat(ticks)) else { break };
        spans.push(if ticks > 1 { inside[..end].trim() } else { &inside[..end] });
        rest = &inside[end + ticks..];
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_are_read_from_the_text() {
        let text = "A text.\n\n`a/b.rs`:\n\n```rust\nfn b() {}\n```\n\n`C.toml`, at its end:\n\n```toml\nc\n```\n\
                    \n```console\n$ d\n```\n\nIt is `so`:\n\n```text\ne\n```\n";
        let found: Vec<_> = blocks(text)
            .map(|block| match block.place {
                Place::File { path, append } => format!("{path} {append} {}", block.text),
                Place::Shell => format!("shell {}", block.text),
                Place::Nowhere => "nowhere".to_owned(),
            })
            .collect();
        assert_eq!(found, ["a/b.rs false fn b() {}\n", "C.toml true c\n", "shell $ d\n", "nowhere"]);
    }

    #[test]
    fn quotations_may_have_backticks_in_them() {
        assert_eq!(code_spans("no code"), [""; 0]);
        assert_eq!(code_spans("`a`, `` b `c` ``, ``d `e` f``"), ["a", "b `c`", "d `e` f"]);
    }

    #[test]
    fn a_section_ends_where_the_next_one_begins() {
        let text = "# T\n\n## One\n\n1\n\n### In it\n\n## Two\n2\n";
        assert_eq!(section(text, "One").unwrap(), "\n1\n\n### In it\n");
        assert_eq!(section(text, "Two").unwrap(), "2\n");
        assert!(section(text, "Three").is_err());
    }
}
