//! Sees to it that the tools are there: installs what can be installed, and else says how to.
//!
//! rustup is called for everything by name, because it may be told not to install anything by itself.

use std::fs::{self, File};

use anyhow::{Context, Result, bail};

use crate::cmd::{Cmd, root};

/// Makes sure of `targets` for the active toolchain.
pub fn targets(targets: &[&str]) -> Result<()> {
    let _alone = alone()?;
    let installed = rustup("target list --installed")?;
    let missing = missing(targets, |target| installed.lines().any(|line| line.trim() == target));
    install("rustup target add", &missing)
}

/// Makes sure of `components` of the active toolchain.
pub fn components(components: &[&str]) -> Result<()> {
    let _alone = alone()?;
    let installed = rustup("component list --installed")?;
    install("rustup component add", &missing(components, |component| has_component(&installed, component)))
}

/// Makes sure of a nightly toolchain with Miri.
pub fn nightly() -> Result<()> {
    nightly_with(&["miri", "rust-src"])
}

/// Makes sure of a nightly toolchain with these components.
pub fn nightly_with(components: &[&str]) -> Result<()> {
    let _alone = alone()?;
    if !rustup("toolchain list")?.lines().any(is_nightly) {
        return Cmd::new("rustup toolchain install nightly --profile minimal --component")
            .args([components.join(",")])
            .run();
    }
    let installed = rustup("component list --toolchain nightly --installed")?;
    let missing = missing(components, |component| has_component(&installed, component));
    install("rustup component add --toolchain nightly", &missing)
}

/// Makes sure of a subcommand of cargo's, of the package `cargo-NAME`.
pub fn subcommand(name: &str) -> Result<()> {
    let _alone = alone()?;
    if has_subcommand(name) {
        return Ok(());
    }
    Cmd::new(&format!("cargo install --locked cargo-{name}")).run().with_context(|| {
        format!("cargo-{name} is missing, and cannot be installed; see https://crates.io/crates/cargo-{name}")
    })
}

pub fn has_subcommand(name: &str) -> bool {
    Cmd::new(&format!("cargo {name} --version")).succeeds()
}

/// Makes sure of the toolchain `version`.
pub fn toolchain(version: &str) -> Result<()> {
    let _alone = alone()?;
    if rustup("toolchain list")?.lines().any(|line| is_version(line, version)) {
        return Ok(());
    }
    Cmd::new(&format!("rustup toolchain install {version} --profile minimal")).run()
}

/// Makes sure of QEMU's `program`, an emulator of whole systems.
pub fn qemu(program: &str) -> Result<()> {
    // As Debian and Ubuntu have it.
    let package = if program == "qemu-system-arm" { program } else { "qemu-system-misc" };
    let about = "QEMU's system emulators for Arm and RISC-V (QEMU 7 or newer)";
    program_of(program, package, about)
}

/// Makes sure of gcc, for what QEMU loads.
pub fn gcc() -> Result<()> {
    program_of("gcc", "gcc libc6-dev", "a C compiler by this name")
}

/// Makes sure of the gcc for Cortex-M, for firmware in C.
pub fn arm_gcc() -> Result<()> {
    program_of("arm-none-eabi-gcc", "gcc-arm-none-eabi", "the Arm GNU toolchain, of developer.arm.com")
}

/// Makes sure of `program`, which is in these packages.
fn program_of(program: &str, packages: &str, about: &str) -> Result<()> {
    let _alone = alone()?;
    let is_there = || Cmd::new(&format!("{program} --version")).succeeds();
    if is_there() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {packages}");
    if !Cmd::new("apt-get --version").succeeds() {
        bail!("{program} is missing; install {about}");
    }
    let sudo = if Cmd::new("id -u").read()?.trim() == "0" {
        ""
    } else if Cmd::new("sudo -n true").succeeds() {
        "sudo -n "
    } else {
        bail!("{program} is missing; type: sudo {install}");
    };
    let apt = |line: &str| Cmd::new(&format!("{sudo}{line}")).env("DEBIAN_FRONTEND", "noninteractive");
    if !Cmd::new(&format!("apt-cache show {packages}")).succeeds() {
        apt("apt-get update").run()?;
    }
    if apt(&install).run().is_err() {
        // The lists were out of date, perhaps.
        apt("apt-get update").run()?;
        apt(&install).run()?;
    }
    if !is_there() {
        bail!("{program} is installed, but not on the PATH");
    }
    Ok(())
}

/// Keeps others of these tasks from installing anything as long as the file is open:
/// rustup and apt-get want to be alone.
fn alone() -> Result<File> {
    let path = root().join("target/setup.lock");
    let lock = fs::create_dir_all(root().join("target")).and_then(|()| File::create(&path)).and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    lock.with_context(|| format!("cannot lock {}", path.display()))
}

fn rustup(arguments: &str) -> Result<String> {
    Cmd::new("rustup")
        .args(arguments.split(' '))
        .read()
        .context("rustup is needed for toolchains and targets; see https://rustup.rs to install it")
}

fn missing<'a>(wanted: &[&'a str], is_there: impl Fn(&str) -> bool) -> Vec<&'a str> {
    wanted.iter().copied().filter(|one| !is_there(one)).collect()
}

fn install(command: &str, missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    Cmd::new(command).args(missing).run()
}

/// rustup lists a component with its host, unless it's the same for all.
fn has_component(installed: &str, component: &str) -> bool {
    installed
        .lines()
        .any(|line| line.trim().strip_prefix(component).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// The nightly without a date, which is what `+nightly` means.
fn is_nightly(line: &str) -> bool {
    let host = line.strip_prefix("nightly").map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    host.is_some_and(|host| !host.starts_with(|c: char| c.is_ascii_digit()))
}

/// `version` itself, which is what `+version` means: `1.85` is a toolchain apart from `1.85.1`.
fn is_version(line: &str, version: &str) -> bool {
    line.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_found_with_and_without_a_host() {
        let installed = "clippy-x86_64-unknown-linux-gnu\nrust-src\nrust-std-thumbv7m-none-eabi\n";
        assert!(has_component(installed, "clippy"));
        assert!(has_component(installed, "rust-src"));
        assert!(!has_component(installed, "miri"));
        assert!(!has_component(installed, "clip"));
    }

    #[test]
    fn a_dated_nightly_is_not_the_nightly() {
        assert!(is_nightly("nightly-x86_64-unknown-linux-gnu (active)"));
        assert!(is_nightly("nightly"));
        assert!(!is_nightly("nightly-2026-05-20-x86_64-unknown-linux-gnu"));
        assert!(!is_nightly("stable-x86_64-unknown-linux-gnu"));
    }

    #[test]
    fn a_patch_release_is_another_toolchain() {
        assert!(is_version("1.85-x86_64-unknown-linux-gnu", "1.85"));
        assert!(!is_version("1.85.1-x86_64-unknown-linux-gnu", "1.85"));
    }
}
