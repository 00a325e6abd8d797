//! Tells the crate what it is compiled for, and makes the front page of its documentation.
//!
//! `small`: for size. Then what most operations begin or end with is one function each, and what is called from one
//! place is the compiler's to inline; else the short ways through the operations are inlined as a whole, and the long
//! ones kept out of them. The compiler's own measure does neither: it looks at one function at a time.
//! (`cargo xtask size` and `cargo xtask bench-mcu` show both.)
//!
//! `striped`: for a host, with many cores and much memory, where counters of several cache lines each are worth it. Not
//! for a checker of models, which would have more to explore, and neither on bare metal nor for size.

use std::path::Path;
use std::{env, fs, io};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(small)");
    let small = env::var("OPT_LEVEL").is_ok_and(|level| level == "s" || level == "z");
    if small {
        println!("cargo::rustc-cfg=small");
    }
    println!("cargo::rustc-check-cfg=cfg(striped)");
    let modelled = ["CARGO_CFG_LOOM", "CARGO_CFG_SHUTTLE"].iter().any(|name| env::var_os(name).is_some());
    let bare = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none");
    if !modelled && !bare && !small {
        println!("cargo::rustc-cfg=striped");
    }
    front_page();
}

/// README.md, whose links are for who reads it in the repository, as the front page of the documentation: a
/// picture is in the page itself, a link to a file of the package leads to where docs.rs shows it, and of one
/// to something else the words stay.
fn front_page() {
    // Only the documentation needs it.
    let Ok(readme) = read("README.md") else { return };
    // What is between fences is code.
    let pieces = readme.split("```").enumerate();
    let pieces: Vec<_> = pieces.map(|(i, text)| if i % 2 == 0 { relinked(text) } else { text.to_owned() }).collect();
    let page = Path::new(&env::var("OUT_DIR").expect("set by Cargo")).join("README.md");
    fs::write(page, pieces.join("```")).expect("Cargo's folder can be written to");
}

fn relinked(text: &str) -> String {
    let (mut page, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("](") {
        let (Some((before, words)), Some((to, after))) = (before.rsplit_once('['), after.split_once(')')) else {
            page += &format!("{before}](");
            rest = after;
            continue;
        };
        page += before;
        let (file, _part) = to.split_once('#').unwrap_or((to, ""));
        if to.contains("://") || file.is_empty() {
            page += &format!("[{words}]({to})");
        } else if page.ends_with('!') {
            page.pop();
            // (A build must not fail for want of a picture.)
            page += read(to).unwrap_or_default().trim();
        } else if Path::new(file).is_file() {
            let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
            page += &format!("[{words}](https://docs.rs/crate/twinmap/{version}/source/{to})");
        } else {
            page += words;
        }
        rest = after;
    }
    page + rest
}

/// Reads a file of the package, and has Cargo watch it.
fn read(file: &str) -> io::Result<String> {
    let text = fs::read_to_string(file)?;
    println!("cargo::rerun-if-changed={file}");
    Ok(text)
}
