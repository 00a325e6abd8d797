//! Chooses the board by the target, or by the environment's BOARD: the folder with its memory.x,
//! and `cfg`s that say what it has.

use std::env::var;

fn main() {
    let target = var("TARGET").unwrap_or_default();
    // (mps2-an385 and mps2-an500 are like mps2-an386.)
    let board = match (target.as_str(), var("BOARD").as_deref()) {
        ("thumbv6m-none-eabi", _) => "microbit",
        ("thumbv7m-none-eabi", Ok("lm3s6965evb")) => "lm3s6965evb",
        ("thumbv7m-none-eabi" | "thumbv7em-none-eabihf", _) => "mps2-an386",
        ("thumbv8m.main-none-eabi", _) => "mps2-an521",
        ("thumbv8m.main-none-eabihf", _) => "mps3-an547",
        ("riscv32imc-unknown-none-elf" | "riscv32imac-unknown-none-elf", _) => "virt",
        _ => panic!("no board has the target `{target}`"),
    };
    // Whether it has more than 64 KiB of RAM, and whether it has several cores.
    let roomy = board != "lm3s6965evb";
    let cores = board == "mps2-an521" || target.starts_with("riscv32imac");
    println!("cargo::rustc-check-cfg=cfg(roomy, cores)");
    for (name, is_set) in [("roomy", roomy), ("cores", cores)] {
        if is_set {
            println!("cargo::rustc-cfg={name}");
        }
    }
    let root = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-search={root}/memory/{board}");
    println!("cargo::rustc-link-search={root}/memory");
    println!("cargo::rerun-if-env-changed=BOARD");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory");
}
