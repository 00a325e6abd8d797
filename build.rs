//! Tells the crate what it is compiled for.
//!
//! `small`: for size. Then what most operations begin or end with is one function each, and what is called from one place is the
//! compiler's to inline; else the short ways through the operations are inlined as a whole, and the long ones kept out of
//! them. The compiler's own measure does neither: it looks at one function at a time. (`cargo xtask size` and `cargo xtask
//! bench-mcu` show both.)
//!
//! `striped`: for a host, with many cores and much memory, where counters of several cache lines each are worth it. Not for a
//! checker of models, which would have more to explore, and not on bare metal.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "s" || level == "z") {
        println!("cargo::rustc-cfg=small");
    }
    println!("cargo::rustc-check-cfg=cfg(striped)");
    let modelled = ["CARGO_CFG_LOOM", "CARGO_CFG_SHUTTLE"].iter().any(|name| std::env::var_os(name).is_some());
    let bare = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    if !modelled && !bare {
        println!("cargo::rustc-cfg=striped");
    }
}
