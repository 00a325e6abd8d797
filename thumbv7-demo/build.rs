//! Chooses the board by the target: the `cfg(board)` of src/board.rs, and the folder with its memory.x.

use std::env::var;

fn main() {
    let target = var("TARGET").unwrap_or_default();
    let board = match target.as_str() {
        "thumbv7m-none-eabi" => "lm3s6965evb",
        "thumbv6m-none-eabi" => "microbit",
        _ => panic!("no board has the target `{target}`: it is thumbv7m-none-eabi or thumbv6m-none-eabi"),
    };
    if board != "lm3s6965evb" && var("CARGO_FEATURE_REPLAY").is_ok() {
        panic!("the comparison is for the target thumbv7m-none-eabi");
    }
    let root = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-check-cfg=cfg(board, values(\"lm3s6965evb\", \"microbit\"))");
    println!("cargo::rustc-cfg=board=\"{board}\"");
    println!("cargo::rustc-link-search={root}/memory/{board}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory");
}
