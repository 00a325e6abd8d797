//! Tells the crate whether it is compiled for size.
//!
//! Then what most operations begin or end with is one function each, and what is called from one place is the compiler's to
//! inline; else the short ways through the operations are inlined as a whole, and the long ones kept out of them. The compiler's own
//! measure does neither: it looks at one function at a time. (`cargo xtask size` and `cargo xtask bench-mcu` show both.)

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "s" || level == "z") {
        println!("cargo::rustc-cfg=small");
    }
}
