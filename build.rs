//! Tells the crate whether it is compiled for size.
//!
//! Then what every operation begins and ends with is one function each; else it is inlined into the operations, which takes
//! twice the flash and a third off the time. The compiler's own measure inlines neither the one nor the other way: it looks at
//! one function at a time.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "s" || level == "z") {
        println!("cargo::rustc-cfg=small");
    }
}
