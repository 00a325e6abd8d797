//! The step `no-panic`: firmwares in which a map is used, of which the symbols show that nothing in them can panic.
//!
//! Each is linked with all of the program in the optimiser's sight, and without what nothing calls. What is left of the
//! machinery of panics has a caller. (Which one? Linked with `-C link-arg=--emit-relocs`, `readelf -r` tells.)

use std::path::Path;

use anyhow::{Context, Result, bail};
use object::read::elf::ElfFile32;
use object::{Object, ObjectSymbol};

use crate::cmd::{Cmd, root};
use crate::{matrix, setup};

/// Where the firmwares are.
pub const FOLDER: &str = "no-panic";

/// With compare-and-swap, and without it.
const TARGETS: [&str; 2] = ["thumbv7m-none-eabi", "thumbv6m-none-eabi"];

/// The firmwares, and whether each can panic.
const FIRMWARES: [(&str, bool); 6] = [
    // It indexes out of bounds. That it is found out shows that the others would be.
    ("control", true),
    // The lock's own panic, when its holder waits for it.
    ("sync_reentry", true),
    ("fixed", false),
    ("fixed_critical", false),
    ("sync", false),
    ("sync_critical", false),
];

/// Parts of the symbols of what panics. (The last one is the firmwares' own handler.)
const PANICS: [&str; 8] = [
    "4core9panicking",
    "panic_fmt",
    "unwrap_failed",
    "expect_failed",
    "capacity_overflow",
    "handle_alloc_error",
    "rust_begin_unwind",
    "twinmap_can_panic_here",
];

/// What they are compiled for: `small` (build.rs) is other code.
const OPT_LEVELS: [&str; 2] = ["3", "s"];

/// Builds the firmwares, and fails where one can panic that must not, or the other way round.
pub fn run() -> Result<()> {
    setup::targets(&TARGETS)?;
    let mut wrong = Vec::new();
    let builds = matrix::builds().filter(|(target, _)| TARGETS.contains(target));
    for ((target, polyfill), level) in builds.flat_map(|build| OPT_LEVELS.map(|level| (build, level))) {
        let build = Cmd::new("cargo build --release --target-dir target --target").args([target]);
        let build = build.args(["--features", polyfill]).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
        build.dir(FOLDER).run()?;
        for (name, expected) in FIRMWARES {
            let panics = panics(&root().join(FOLDER).join("target").join(target).join("release").join(name))?;
            let said = if panics.is_empty() { "cannot panic".to_owned() } else { format!("can: {}", panics.join(" ")) };
            println!("{name:15} {said}");
            if panics.is_empty() == expected {
                wrong.push(format!("{name} on {target} with \"{polyfill}\" at opt-level {level}"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("otherwise than expected: {}", wrong.join("; "));
    }
    Ok(())
}

/// The symbols of what panics in a firmware.
fn panics(path: &Path) -> Result<Vec<String>> {
    let parse = || -> Result<_> {
        let file = std::fs::read(path)?;
        let elf = ElfFile32::<object::Endianness>::parse(&*file)?;
        let names: Vec<_> = elf.symbols().map(|symbol| symbol.name()).collect::<Result<_, _>>()?;
        if !names.iter().any(|name| name.contains("3MAP")) {
            bail!("its map was left out by the linker, or its symbols were");
        }
        Ok(names.into_iter().filter(|name| is_panic(name)).map(str::to_owned).collect())
    };
    parse().with_context(|| format!("cannot examine {}", path.display()))
}

fn is_panic(symbol: &str) -> bool {
    PANICS.iter().any(|part| symbol.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_is_known_by_its_symbol() {
        for symbol in [
            "_RNvNtCs2fZl91Oq0qp_4core9panicking18panic_bounds_check",
            "_ZN4core9panicking9panic_fmt17h0123456789abcdefE",
            "_RNvNtCs2fZl91Oq0qp_4core6option13unwrap_failed",
            "_RNvCsfLfy6EI15iL_7___rustc17rust_begin_unwind",
            "rust_begin_unwind",
            "twinmap_can_panic_here",
        ] {
            assert!(is_panic(symbol), "{symbol}");
        }
        for symbol in ["_start", "_ZN8no_panic4heap4HEAP17h0123456789abcdefE", "_ZN7twinmap5guard3Ref5found17h0E"] {
            assert!(!is_panic(symbol), "{symbol}");
        }
    }
}
