//! `cargo xtask bench-host`: twinmap, its peers and Go's `sync.Map` on this machine.
//!
//! In rounds, each of which has everything once: what the machine does otherwise comes and goes, and is seen
//! in how far the rounds are apart.

mod figures;
mod rounds;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

pub use self::figures::{Figure, Host, SHAPES, read};
use self::table::table;
pub use self::table::{SUBJECTS, shown};
use crate::cmd::Cmd;
use crate::target::images;

const FOLDER: &str = "benches/host";
const GO_FOLDER: &str = "benches/go";

/// What is built.
struct Programs {
    shapes: String,
    inserts: String,
    memory: String,
    /// Whether Go is there.
    go: bool,
}

/// Measures the shapes with one of `words` in their names, or all, and keeps what is known of the others.
pub fn run(rounds: usize, words: &[String]) -> Result<()> {
    if !words.iter().flat_map(|word| word.chars()).all(|c| c.is_ascii_alphanumeric()) {
        bail!("parts of the shapes' names are letters and digits");
    }
    let programs = build()?;
    let mut host = Host::new(programs.go)?;
    let start = Instant::now();
    let mut values = rounds::Values::default();
    for round in 1..=rounds {
        println!("\nround {round} of {rounds}");
        values.add(&programs, words).with_context(|| format!("in round {round}"))?;
    }
    let figures = values.into_figures();
    if figures.is_empty() {
        bail!("no shape has such a name; there are {}", SHAPES.map(|shape| shape.name).join(", "));
    }
    for threads in [1, 2] {
        println!("\n{}", table(&figures, threads));
    }
    println!("{:.0} s in all", start.elapsed().as_secs_f64());
    if !words.is_empty() {
        host.keep(read()?);
    }
    host.put(figures);
    host.write()
}

fn build() -> Result<Programs> {
    let cargo = |line: &str| -> Result<_> {
        let cargo = Cmd::new(&format!("cargo {line} --message-format json-render-diagnostics")).dir(FOLDER);
        cargo.show("");
        images(&cargo.read()?)
    };
    let mut images = cargo("build --release --bins")?;
    images.extend(cargo("bench --no-run --bench shapes")?);
    let mut image = |name: &str| images.remove(name).with_context(|| format!("cargo built no {name}"));
    let go = Cmd::new("go version").succeeds();
    if !go {
        println!(
            "without Go's sync.Map, because there is no Go; `apt-get install golang-go` has it on Debian and Ubuntu"
        );
    }
    Ok(Programs { shapes: image("shapes")?, inserts: image("inserts")?, memory: image("memory")?, go })
}

/// Where criterion is to leave what it measured: with the executable, which is in target/release/deps.
fn criterion_home(shapes: &str) -> PathBuf {
    PathBuf::from(shapes).with_file_name("twinmap-criterion")
}
