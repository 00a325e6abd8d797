//! Chooses the board by the target: the folder with its memory.x, and `cfg`s that say what it has.

use std::env::var;

fn main() {
    let target = var("TARGET").unwrap_or_default();
    // The board, whether it has more than 64 KiB of RAM, and whether it has several cores.
    let (board, roomy, cores) = match target.as_str() {
        "thumbv6m-none-eabi" => ("microbit", false, false),
        "thumbv7m-none-eabi" => ("lm3s6965evb", false, false),
        "thumbv7em-none-eabihf" => ("mps2-an386", true, false),
        "thumbv8m.main-none-eabi" => ("mps2-an521", true, true),
        "thumbv8m.main-none-eabihf" => ("mps3-an547", true, false),
        "riscv32imc-unknown-none-elf" => ("virt", true, false),
        "riscv32imac-unknown-none-elf" => ("virt", true, true),
        _ => panic!("no board has the target `{target}`"),
    };
    println!("cargo::rustc-check-cfg=cfg(roomy, cores)");
    for (name, is_set) in [("roomy", roomy), ("cores", cores)] {
        if is_set {
            println!("cargo::rustc-cfg={name}");
        }
    }
    let root = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-search={root}/memory/{board}");
    if board == "virt" {
        println!("cargo::rustc-link-arg-tests=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-tests=-Tlink.x");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory");
}
