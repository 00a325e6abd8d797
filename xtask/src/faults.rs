//! `cargo xtask faults`: plants faults, one at a time, in a copy of the crate, and sees
//! that a check finds each of them.
//!
//! What a check is worth is what it finds, if it finds nothing where nothing is: each is run without a fault, too, once.
//! docs/verification.md has them in a table, which a test compares.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cmd::{Cmd, root};
use crate::examples;

/// A change of one place, and the tests that fail with it.
struct Fault {
    name: &'static str,
    file: &'static str,
    /// What is there, once.
    before: &'static str,
    after: &'static str,
    check: Check,
    /// Part of the names of the tests.
    tests: &'static str,
}

/// With cargo's choice of what to test.
#[derive(Clone, Copy)]
enum Check {
    /// Models.
    Loom(&'static str),
    /// Schedules at random.
    Shuttle(&'static str),
    /// The suite, with threads that run for real or with one.
    Host(&'static str),
}

const FAULTS: [Fault; 14] = [
    Fault {
        name: "a reader does not wait for its pin to be seen",
        file: "src/readers.rs",
        before: "            fence(Ordering::SeqCst);\n            before\n",
        after: "            before\n",
        check: Check::Loom("--test loom_growing"),
        tests: "grace::reader_against",
    },
    Fault {
        name: "a grace period waits for the readers of one phase",
        file: "src/readers.rs",
        before: "(1 << (2 * STRIPES)) - 1",
        after: "(1 << STRIPES) - 1",
        check: Check::Loom("--test loom_growing"),
        tests: "grace::",
    },
    Fault {
        name: "a grace period is not extended to what joins it",
        file: "src/garbage.rs",
        before: "                        readers.extend(grace);\n",
        after: "",
        check: Check::Loom("--test loom_growing"),
        tests: "grace::",
    },
    Fault {
        name: "a write looks who is pinned before it is seen that it is not any more",
        file: "src/readers.rs",
        before: "    if !LOCKED_IS_FENCE {\n        fence(Ordering::SeqCst);\n    }\n",
        after: "",
        check: Check::Loom("--test loom_growing"),
        tests: "grace::",
    },
    Fault {
        name: "who has freed while others collect does not look what they have left",
        file: "src/garbage.rs",
        before: "                    // AcqRel: as in `collect_outlined`.\n                    if self.collector.fetch_max(more, Ordering::AcqRel) != IDLE {\n                        return;\n                    }\n",
        after: "                    return;\n",
        check: Check::Loom("--test loom_growing"),
        tests: "grace::",
    },
    Fault {
        name: "a value is freed at once although somebody is pinned",
        file: "src/garbage.rs",
        before: "            if !readers.is_idle() {\n",
        after: "            if false {\n",
        check: Check::Shuttle("--test shuttle_growing"),
        tests: "what_is_pinned",
    },
    Fault {
        name: "a value is put into its slot whatever is there by now",
        file: "src/entry.rs",
        before: "match slot.compare_exchange(from, to, SeqCst, SeqCst) {",
        after: "match Ok::<_, *mut Node<V>>(slot.swap(to, SeqCst)).map(|_| from) {",
        check: Check::Shuttle("--test shuttle_growing"),
        tests: "histories",
    },
    Fault {
        name: "an entry that the copy leaves out stays DELETED",
        file: "src/entry.rs",
        before: "exchange(&self.slot, deleted(), expunged())",
        after: "exchange(&self.slot, deleted(), deleted())",
        check: Check::Loom("--test loom_growing"),
        tests: "pairs::expunged",
    },
    Fault {
        name: "an entry that is EXPUNGED is the end of a lookup",
        file: "src/map.rs",
        before: "                State::Expunged => {}\n            }\n        }\n        if self.is_amended(read)",
        after: "                State::Expunged => return Ok(None),\n            }\n        }\n        if self.is_amended(read)",
        check: Check::Host("--test spin_lock"),
        tests: "model::",
    },
    Fault {
        name: "a lookup under the lock trusts what it saw of `read` before",
        file: "src/map.rs",
        before: "if read.is_table_of(seen) { None }",
        after: "if read.is_table_of(seen) || true { None }",
        check: Check::Shuttle("--test shuttle_growing"),
        tests: "histories",
    },
    Fault {
        name: "`amended` is not set",
        file: "src/dirty.rs",
        before: "self.read.store(word.map_addr(|addr| addr | 1), Ordering::SeqCst);",
        after: "",
        check: Check::Host("--test spin_lock"),
        tests: "model::",
    },
    Fault {
        name: "a cell is taken by a load and a store",
        file: "src/storage/inline.rs",
        before: "link.compare_exchange(word, IN_USE, Ordering::Acquire, Ordering::Relaxed).is_err()",
        after: "{ link.store(IN_USE, Ordering::Relaxed); false }",
        check: Check::Shuttle("--test shuttle_fixed"),
        tests: "",
    },
    Fault {
        name: "a cell is given back before what was done with it is over",
        file: "src/storage/inline.rs",
        before: "cell.link.store(word, Ordering::Release);",
        after: "cell.link.store(word, Ordering::Relaxed);",
        check: Check::Loom("--lib"),
        tests: "inline::",
    },
    Fault {
        name: "an entry that is taken out of an index leads nowhere any more",
        file: "src/storage/inline/index.rs",
        before: "                    link.store(behind.load(SeqCst), SeqCst);\n",
        after: "                    link.store(behind.swap(0, SeqCst), SeqCst);\n",
        check: Check::Loom("--test loom_fixed"),
        tests: "a_key_is_found_once",
    },
];

impl Fault {
    /// What finds it: the flags of the compiler, and the command.
    fn finder(&self) -> (&'static str, String) {
        let (flags, target) = match self.check {
            Check::Loom(target) => ("--cfg loom", target),
            Check::Shuttle(target) => ("--cfg shuttle", target),
            Check::Host(target) => ("", target),
        };
        (flags, format!("cargo test --release --features heapless {target} {}", self.tests).trim_end().to_owned())
    }

    fn test(&self, more: &str) -> Cmd {
        let (flags, line) = self.finder();
        // Those of the checks themselves, which have built what the crate depends on.
        let target = match self.check {
            Check::Loom(_) => "target/loom",
            Check::Shuttle(_) => "target/shuttle",
            Check::Host(_) => "target",
        };
        Cmd::new(&format!("{line} --quiet {more}"))
            .dir(COPY)
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", &root().join(target).to_string_lossy())
    }

    /// Plants the fault in the copy, and takes it out again when it was looked for.
    /// `sound` are the finders that were seen to pass without a fault.
    fn check(&self, sound: &mut HashSet<(&str, String)>) -> Result<()> {
        let finder = self.finder();
        if !sound.contains(&finder) {
            ensure!(!self.is_found()?, "{} fails without it, too", finder.1);
            sound.insert(finder);
        }
        let file = root().join(COPY).join(self.file);
        let text = fs::read_to_string(&file)?;
        ensure!(text.matches(self.before).count() == 1, "{} does not have once: {}", self.file, self.before);
        fs::write(&file, text.replace(self.before, self.after))?;
        let found = self.is_found();
        fs::write(&file, text)?;
        ensure!(found?, "{} passes", self.finder().1);
        Ok(())
    }

    /// Whether the check fails.
    fn is_found(&self) -> Result<bool> {
        let build = self.test("--no-run");
        build.show("");
        let built = build.output()?;
        ensure!(built.status.success(), "it does not build:\n{}", String::from_utf8_lossy(&built.stderr));
        let test = self.test("");
        test.show("");
        Ok(!test.output()?.status.success())
    }
}

/// Where the copy is, from the repository's root.
const COPY: &str = "target/faults/crate";

/// Plants the faults with one of `words` in their names or files, or all, or only `few` of them.
pub fn run(words: &[String], few: bool) -> Result<()> {
    copy()?;
    let named = |fault: &&Fault| {
        words.is_empty()
            || words.iter().any(|word| fault.name.contains(word.as_str()) || fault.file.contains(word.as_str()))
    };
    let step = if few { FAULTS.len().div_ceil(2) } else { 1 };
    let (mut found, mut missed, mut sound) = (0, Vec::new(), HashSet::new());
    for fault in FAULTS.iter().filter(named).step_by(step) {
        match fault.check(&mut sound) {
            Ok(()) => {
                println!("found: {} ({})", fault.name, fault.file);
                found += 1;
            }
            Err(error) => {
                println!("MISSED: {} ({}): {error:#}", fault.name, fault.file);
                missed.push(fault.name);
            }
        }
    }
    ensure!(
        missed.is_empty(),
        "{} of {} faults were missed: {}",
        missed.len(),
        found + missed.len(),
        missed.join("; ")
    );
    ensure!(found > 0, "no fault has such a name");
    println!("all {found} faults were found");
    Ok(())
}

/// Copies what the crate is built of.
fn copy() -> Result<()> {
    let to = root().join(COPY);
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    for part in
        ["src", "tests", "Cargo.toml", "Cargo.lock", "build.rs", "README.md", "xtask/Cargo.toml", "xtask/src/main.rs"]
    {
        copy_all(&root().join(part), &to.join(part)).with_context(|| format!("cannot copy {part}"))?;
    }
    // Cargo.toml names them. (What is firmware is large, once it is built.)
    for name in examples::names()? {
        let part = format!("examples/{name}.rs");
        copy_all(&root().join(&part), &to.join(&part)).with_context(|| format!("cannot copy {part}"))?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &PathBuf) -> Result<()> {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().context("it has no folder")?)?;
        fs::copy(from, to)?;
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults as a table in Markdown.
    fn table() -> String {
        let mut table = String::from("| fault | in | found by |\n|---|---|---|\n");
        for fault in &FAULTS {
            let (flags, command) = fault.finder();
            let flags = if flags.is_empty() { String::new() } else { format!("RUSTFLAGS=\"{flags}\" ") };
            table += &format!("| {} | `{}` | `{flags}{command}` |\n", fault.name, fault.file);
        }
        table
    }

    /// Else a change of the source would only be noticed by the long run.
    #[test]
    fn each_fault_can_be_planted() {
        for fault in &FAULTS {
            let text = fs::read_to_string(root().join(fault.file)).unwrap();
            assert_eq!(text.matches(fault.before).count(), 1, "{}: {}", fault.file, fault.before);
        }
    }

    #[test]
    fn the_table_is_the_one_in_the_documentation() {
        let text = fs::read_to_string(root().join("docs/verification.md")).unwrap();
        assert!(text.contains(&table()), "docs/verification.md needs this table:\n{}", table());
    }
}
