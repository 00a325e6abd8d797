//! Commands that are shown as they are run, so that each can be repeated by hand from the repository's root.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The repository's root, where commands run unless told otherwise.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// A folder outside of the repository, which goes at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn temporary(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("twinmap-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind at the worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files in a folder of the repository and in those within it, in order: each path, from the root, and its text.
pub fn files(folder: &str) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(root().join(folder)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.with_context(|| format!("cannot read the folder {folder}"))? {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files.append(&mut self::files(&path)?);
        } else {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            files.push((path, text));
        }
    }
    files.sort();
    Ok(files)
}

pub struct Cmd {
    command: Command,
    dir: Option<String>,
    /// Set before the program's name when shown.
    envs: String,
}

impl Cmd {
    /// `line` is split at blanks.
    pub fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(root());
        Self { command, dir: None, envs: String::new() }
    }

    /// `program` is a path, which may have blanks in it.
    pub fn program(program: &str) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root());
        Self { command, dir: None, envs: String::new() }
    }

    /// Adds arguments, each as it is.
    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self.envs += &format!("{key}={} ", quoted(value));
        self
    }

    /// Runs in this folder of the repository.
    pub fn dir(mut self, dir: &str) -> Self {
        self.command.current_dir(root().join(dir));
        self.dir = Some(dir.to_owned());
        self
    }

    /// Runs in this folder, which need not be the repository's.
    pub fn at(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Shows the command and runs it; an error unless it succeeds.
    pub fn run(mut self) -> Result<()> {
        self.show("");
        let status = self.command.status().map_err(|error| self.cannot_start(&error))?;
        if !status.success() {
            bail!("`{self}` failed ({status})");
        }
        Ok(())
    }

    /// Runs without a word and hands over what it printed, whether it succeeds or not.
    pub fn output(mut self) -> Result<Output> {
        self.command.stdin(Stdio::null());
        self.command.output().map_err(|error| self.cannot_start(&error))
    }

    /// Runs it without a word: what it printed, the command first, or an error that has all of that unless it succeeds.
    pub fn read_all(self) -> Result<String> {
        let shown = self.to_string();
        let output = self.output()?;
        let printed = [output.stderr, output.stdout].concat();
        let printed = format!("$ {shown}\n{}", String::from_utf8_lossy(&printed));
        if output.status.success() { Ok(printed) } else { bail!("{printed}\n`{shown}` failed ({})", output.status) }
    }

    /// Runs without a word: its standard output, or an error unless it succeeds.
    pub fn read(self) -> Result<String> {
        let shown = self.to_string();
        let output = self.output()?;
        if !output.status.success() {
            bail!("`{shown}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed something else than text"))
    }

    /// Runs without a word: whether it can be run and succeeds.
    pub fn succeeds(self) -> bool {
        self.output().is_ok_and(|output| output.status.success())
    }

    /// Hands it over to be run.
    pub fn into_command(self) -> Command {
        self.command
    }

    pub fn show(&self, piped: &str) {
        println!("$ {piped}{self}");
    }

    fn cannot_start(&self, error: &std::io::Error) -> anyhow::Error {
        let program = self.command.get_program().to_string_lossy();
        if let Some(dir) = self.dir.as_ref().filter(|dir| !root().join(dir).is_dir()) {
            return anyhow::anyhow!("there is no folder {dir}");
        }
        if error.kind() == ErrorKind::NotFound {
            anyhow::anyhow!("`{program}` is not installed, or not on the PATH")
        } else {
            anyhow::anyhow!("cannot run `{program}`: {error}")
        }
    }
}

impl std::fmt::Display for Cmd {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        if let Some(dir) = &self.dir {
            write!(f, "cd {dir} && ")?;
        }
        write!(f, "{}{}", self.envs, self.command.get_program().to_string_lossy())?;
        for arg in self.command.get_args() {
            write!(f, " {}", quoted(&arg.to_string_lossy()))?;
        }
        Ok(())
    }
}

/// As a shell reads it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_+=,.:/@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `path` as typed from the repository's root.
pub fn shown(path: &Path) -> String {
    quoted(&path.strip_prefix(root()).unwrap_or(path).to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let cmd = Cmd::new("cargo test").args(["--test", "loom_*"]).env("RUSTFLAGS", "--cfg loom").dir("sub");
        assert_eq!(cmd.to_string(), "cd sub && RUSTFLAGS='--cfg loom' cargo test --test 'loom_*'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_missing_program_or_folder_is_named() {
        let error = Cmd::new("cargo --version").dir("no-such-folder").read().unwrap_err();
        assert_eq!(error.to_string(), "there is no folder no-such-folder");
        let error = Cmd::new("no-such-program-here --flag").read().unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program-here` is not installed, or not on the PATH");
    }
}
