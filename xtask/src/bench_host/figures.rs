//! benches/host.json: what was measured, and on what machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::FOLDER;
use crate::cmd::{Cmd, root, shown};

const FILE: &str = "benches/host.json";

pub struct Shape {
    pub name: &'static str,
    pub about: &'static str,
}

const fn shape(name: &'static str, about: &'static str) -> Shape {
    Shape { name, about }
}

/// In the order of the tables.
pub const SHAPES: [Shape; 34] = [
    shape("Hits64", "lookups of 64 keys that are there"),
    shape("Hits65536", "lookups of 65,536 keys that are there"),
    shape("HitsStrings", "lookups of 1024 strings that are there"),
    shape("Zipf99", "99 lookups to 1 overwriting, few of 65,536 keys most of the time"),
    shape("OverwriteHalves", "overwriting, each thread 512 keys of its own"),
    shape("Churn", "removing the oldest of 1024 keys and inserting another one"),
    shape("InsertUnique", "inserting 65,536 keys into an empty map"),
    shape("Growth", "inserting 1,048,576 keys into a map with room for 16"),
    shape("WorstInsert", "the longest of these inserts"),
    shape("RareInsert", "one in ten thousand of these inserts takes longer"),
    shape("Memory65536", "memory for an entry, of 65,536"),
    shape("LoadMostlyHits", "lookups, of which 1 in 1024 finds nothing"),
    shape("LoadMostlyMisses", "lookups, of which 1 in 1024 finds something"),
    shape("LoadOrStoreBalanced", "get or insert, half and half"),
    shape("LoadOrStoreUnique", "get or insert of new keys"),
    shape("LoadOrStoreCollision", "get or insert of one key that is there"),
    shape("LoadAndDeleteBalanced", "removing, half of it what isn't there any more"),
    shape("LoadAndDeleteUnique", "removing of keys that aren't there"),
    shape("LoadAndDeleteCollision", "removing of the same key"),
    shape("Range", "iterating over 1024 keys"),
    shape("AdversarialAlloc", "lookups of keys that aren't there, with an insert after each promotion"),
    shape("AdversarialDelete", "lookups, and in 1 of 1024 a key replaced by another one"),
    shape("DeleteCollision", "removing of the same key"),
    shape("SwapCollision", "overwriting of the same key"),
    shape("SwapMostlyHits", "overwriting, and in 1 of 1024 an insert and a removal"),
    shape("SwapMostlyMisses", "an insert and a removal, and in 1 of 1024 an overwriting"),
    shape("CompareAndSwapCollision", "exchanging of one key's value, there and back"),
    shape("CompareAndSwapNoExistingKey", "exchanging where there is no key"),
    shape("CompareAndSwapValueNotEqual", "exchanging where the value is another one"),
    shape("CompareAndSwapMostlyHits", "exchanging, of which 1 in 1024 finds no key"),
    shape("CompareAndSwapMostlyMisses", "exchanging, of which 1 in 1024 finds a key"),
    shape("CompareAndDeleteCollision", "removing of one key if it has a value, and inserting it again"),
    shape("CompareAndDeleteMostlyHits", "the same over 1024 keys, of which one isn't there"),
    shape("CompareAndDeleteMostlyMisses", "the same over 1024 keys, of which one is there"),
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub shape: String,
    pub threads: u32,
    pub subject: String,
    pub median: f64,
    pub unit: String,
    /// From the lowest round to the highest one, by the median.
    pub spread: f64,
    pub rounds: usize,
}

#[derive(Serialize, Deserialize)]
pub struct Host {
    /// The processor, and what was compiled with.
    pub machine: BTreeMap<String, String>,
    /// The peers' versions.
    pub crates: BTreeMap<String, String>,
    pub figures: Vec<Figure>,
}

/// What was measured last.
pub fn read() -> Result<Option<Host>> {
    let path = root().join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    serde_json::from_str(&text).with_context(|| format!("{FILE} is not as it was written")).map(Some)
}

impl Host {
    /// This machine, without figures.
    pub fn new(go: bool) -> Result<Self> {
        let mut machine = BTreeMap::from([
            ("processor".to_owned(), processor()),
            ("cores".to_owned(), thread::available_parallelism().map_or(1, |cores| cores.get()).to_string()),
            ("rustc".to_owned(), Cmd::new("rustc --version").read()?.trim().to_owned()),
        ]);
        if go {
            machine.insert("go".to_owned(), Cmd::new("go version").read()?.trim().to_owned());
        }
        let tree = Cmd::new("cargo tree --depth 1 --prefix none --edges normal").dir(FOLDER).read()?;
        Ok(Self { machine, crates: peers(&tree), figures: Vec::new() })
    }

    /// Takes over what was measured before, if it was here and of the same.
    pub fn keep(&mut self, before: Option<Self>) {
        let Some(before) = before else { return };
        // Go may have gone since.
        let mut machine = before.machine.clone();
        machine.extend(self.machine.clone());
        if machine == before.machine && before.crates == self.crates {
            self.machine = machine;
            self.figures = before.figures;
        } else {
            println!("what {FILE} had was measured elsewhere, or of other versions, and goes");
        }
    }

    /// Puts figures in the place of older ones.
    pub fn put(&mut self, figures: Vec<Figure>) {
        let of = |figure: &Figure| (figure.shape.clone(), figure.threads, figure.subject.clone());
        self.figures.retain(|old| figures.iter().all(|new| of(new) != of(old)));
        self.figures.extend(figures);
        self.figures.sort_by_cached_key(|figure| (order(&figure.shape), of(figure)));
    }

    pub fn write(&self) -> Result<()> {
        let path = root().join(FILE);
        fs::write(&path, self.text()?).with_context(|| format!("cannot write {FILE}"))?;
        println!("written to {}; `cargo xtask report` has yet to write what shows it", shown(&path));
        Ok(())
    }

    /// A figure a line, so that what has changed is seen.
    fn text(&self) -> Result<String> {
        let lines = self.figures.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let machine = serde_json::to_string_pretty(&self.machine)?.replace('\n', "\n  ");
        let crates = serde_json::to_string_pretty(&self.crates)?.replace('\n', "\n  ");
        let figures = lines.join(",\n    ");
        Ok(format!(
            "{{\n  \"machine\": {machine},\n  \"crates\": {crates},\n  \"figures\": [\n    {figures}\n  ]\n}}\n"
        ))
    }
}

/// Where a shape is in the tables.
fn order(name: &str) -> usize {
    SHAPES.iter().position(|shape| shape.name == name).unwrap_or(SHAPES.len())
}

/// As Linux calls it.
fn processor() -> String {
    let info = fs::read_to_string(PathBuf::from("/proc/cpuinfo")).unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown", |(_, name)| name.trim()).to_owned()
}

/// Of `cargo tree`'s lines, such as `scc v3.8.8`.
fn peers(tree: &str) -> BTreeMap<String, String> {
    const PEERS: [&str; 7] = ["dashmap", "hashbrown", "left-right", "papaya", "rustc-hash", "scc", "spin"];
    let peer = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| PEERS.contains(name))?;
        Some((name.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
    };
    tree.lines().filter_map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(figures: &[(&str, f64)]) -> Host {
        let figure = |&(shape, median): &(&str, f64)| Figure {
            shape: shape.to_owned(),
            threads: 1,
            subject: "twinmap".to_owned(),
            median,
            unit: "ns".to_owned(),
            spread: 0.0,
            rounds: 1,
        };
        let crates = peers("bench-host v0.0.0 (/path)\nscc v3.8.8\nserde_json v1.0.1\n");
        Host { machine: BTreeMap::new(), crates, figures: figures.iter().map(figure).collect() }
    }

    #[test]
    fn newer_figures_replace_older_ones() {
        let mut new = host(&[]);
        new.keep(Some(host(&[("Churn", 1.0), ("Range", 2.0)])));
        new.put(host(&[("Range", 3.0), ("Hits64", 4.0)]).figures);
        let found: Vec<_> = new.figures.iter().map(|figure| (figure.shape.as_str(), figure.median)).collect();
        assert_eq!(found, [("Hits64", 4.0), ("Churn", 1.0), ("Range", 3.0)]);
    }

    #[test]
    fn figures_of_another_machine_are_not_kept() {
        let on = |name: &str, value: &str| {
            let mut host = host(&[("Churn", 1.0)]);
            host.machine.insert(name.to_owned(), value.to_owned());
            host
        };
        let kept = |now: &Host, before| {
            let mut host = Host { machine: now.machine.clone(), crates: now.crates.clone(), figures: Vec::new() };
            host.keep(Some(before));
            host.figures.len()
        };
        assert_eq!(kept(&on("cores", "2"), on("cores", "2")), 1);
        assert_eq!(kept(&on("cores", "2"), on("cores", "4")), 0);
        assert_eq!(kept(&host(&[]), on("go", "1.19")), 1, "without Go its figures stay");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let host = host(&[("Churn", 1.5), ("Range", 2.0)]);
        let read: Host = serde_json::from_str(&host.text().unwrap()).unwrap();
        assert_eq!((read.figures, read.crates["scc"].as_str()), (host.figures, "3.8.8"));
    }
}
