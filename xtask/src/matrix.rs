//! The one table of what is built: targets, the help that portable-atomic needs on each, and the feature sets.

/// Stand-ins for compare-and-swap; twinmap's features of these names choose one.
pub const CRITICAL_SECTION: &str = "portable-atomic-critical-section";
pub const SINGLE_CORE: &str = "portable-atomic-unsafe-assume-single-core";

pub struct Target {
    pub triple: &'static str,
    /// The features of which one is added; an empty one where the core has compare-and-swap.
    pub polyfills: &'static [&'static str],
}

pub const TARGETS: &[Target] = &[
    Target { triple: "thumbv6m-none-eabi", polyfills: &[CRITICAL_SECTION, SINGLE_CORE] },
    Target { triple: "thumbv7m-none-eabi", polyfills: &[""] },
    Target { triple: "thumbv7em-none-eabihf", polyfills: &[""] },
    Target { triple: "thumbv8m.main-none-eabihf", polyfills: &[""] },
    Target { triple: "riscv32imac-unknown-none-elf", polyfills: &[""] },
    Target { triple: "riscv32imc-unknown-none-elf", polyfills: &[CRITICAL_SECTION, SINGLE_CORE] },
];

/// A core without compare-and-swap, to see the build refused without a polyfill.
pub const WITHOUT_CAS: &str = "thumbv6m-none-eabi";

/// The target of the demo's firmware, unless it's for a board without compare-and-swap.
pub const DEMO: &str = "thumbv7m-none-eabi";

/// The crate's features, without the polyfills; each set is built with `--no-default-features`.
pub const FEATURE_SETS: &[&str] =
    &["", "alloc", "heapless", "critical-section", "serde,defmt", "heapless,serde,stats", TESTED, ALL_FEATURES];

/// Both maps and both locks: what nearly all tests are of.
pub const TESTED: &str = "alloc,heapless,critical-section";

/// For where tests are built once more: leaves out those that take long to build, or depend on what does.
pub const SOON_BUILT: &str = "--cfg soon_built";

/// The set that has everything, as docs.rs shows it.
pub const ALL_FEATURES: &str = "alloc,heapless,critical-section,serde,defmt,stats";

pub fn triples() -> Vec<&'static str> {
    TARGETS.iter().map(|target| target.triple).collect()
}

/// Each target with each of its polyfills.
pub fn builds() -> impl Iterator<Item = (&'static str, &'static str)> {
    TARGETS.iter().flat_map(|target| target.polyfills.iter().map(|polyfill| (target.triple, *polyfill)))
}

/// `features` and one more.
pub fn joined(features: &str, more: &str) -> String {
    let both = [features, more];
    let set: Vec<_> = both.into_iter().filter(|feature| !feature.is_empty()).collect();
    set.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_lists_have_no_stray_commas() {
        assert_eq!(joined("", ""), "");
        assert_eq!(joined("alloc", ""), "alloc");
        assert_eq!(joined("", SINGLE_CORE), SINGLE_CORE);
        assert_eq!(joined("a,b", "c"), "a,b,c");
    }

    #[test]
    fn the_special_targets_are_in_the_table() {
        assert!(triples().contains(&WITHOUT_CAS) && triples().contains(&DEMO));
        assert_eq!(builds().count(), 8);
    }
}
