//! The package as it would be published: what is in it, that it passes its tests by itself, and that what
//! it asks for of others is enough.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cmd::{Cmd, Folder, root};
use crate::matrix::{ALL_FEATURES, DEMO, TESTED, joined};
use crate::setup;

/// All that there is to be in it, by the end of the name.
const KINDS: &[&str] = &[
    ".rs",
    ".md",
    ".svg",
    ".toml",
    ".toml.orig",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    ".cargo_vcs_info.json",
];

pub fn run() -> Result<()> {
    let files = Cmd::new("cargo package --allow-dirty --list").read()?;
    let strange: Vec<_> = files.lines().filter(|file| !KINDS.iter().any(|kind| file.ends_with(kind))).collect();
    if !strange.is_empty() {
        bail!("the package has no need of {}", strange.join(", "));
    }
    // (Its tests build it, too.)
    Cmd::new("cargo package --allow-dirty --no-verify").run()?;
    // Outside, where nothing of the repository is found by accident.
    let outside = Folder::temporary("package")?;
    let archive = newest(&root().join("target/package"))?;
    Cmd::new("tar -xf").args([&archive]).at(outside.path()).run()?;
    let name = Path::new(&archive).file_stem().context("it has no name")?;
    let package = outside.path().join(name);
    // Of its own, and without what was built of an earlier package: all files of a package are of the same old date, by
    // which Cargo cannot see that one has changed.
    let target = root().join("target/unpacked");
    let cargo = |line: &str, features: &str| {
        let cargo = Cmd::new(&format!("cargo {line} --no-default-features --features {features} --target-dir"));
        cargo.args([target.to_string_lossy()]).at(&package)
    };
    Cmd::new("cargo clean --quiet --package twinmap --target-dir")
        .args([target.to_string_lossy()])
        .at(&package)
        .run()?;
    cargo("test", &joined(TESTED, "serde")).run()?;
    cargo("doc --no-deps", ALL_FEATURES).env("RUSTDOCFLAGS", "-D warnings").run()?;

    setup::nightly()?;
    setup::targets(&[DEMO])?;
    Cmd::new("cargo +nightly update --quiet -Z minimal-versions").at(&package).run()?;
    cargo(&format!("check --lib --target {DEMO}"), ALL_FEATURES).run()
}

/// The archive that was written last.
fn newest(folder: &Path) -> Result<String> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let archives =
        entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().ends_with(".crate"));
    let newest = archives.max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok());
    Ok(newest.context("cargo package left no archive")?.path().to_string_lossy().into_owned())
}
