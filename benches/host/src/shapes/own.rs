//! Shapes that say more of one thing each.

use std::hint::black_box;

use rand::SeedableRng;
use rand::distr::Distribution;
use rand::rngs::SmallRng;
use rand_distr::Zipf;

use super::{At, Shape, Visitor, fill};
use crate::subjects::View;

pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit(&Hits64);
    visitor.visit(&Hits65536);
    visitor.visit(&HitsStrings::new());
    visitor.visit(&Zipf99::new());
    visitor.visit(&OverwriteHalves);
    visitor.visit(&Churn);
    visitor.visit(&InsertUnique);
}

const MANY: u64 = 65_536;

/// Every key below a power of two once, in an order that no prefetcher sees through.
fn scattered(i: u64, keys: u64) -> u64 {
    i.wrapping_mul(40_503) % keys
}

struct Hits64;

impl Shape for Hits64 {
    const NAME: &'static str = "Hits64";
    const READS: bool = true;
    const STEADY: bool = true;
    type Key = u64;
    type State = ();

    fn prepare(&self, map: &impl View<u64>) {
        fill(map, 64);
    }

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { i, .. }: At, (): &mut ()) {
        black_box(map.get(&scattered(i, 64)));
    }
}

struct Hits65536;

impl Shape for Hits65536 {
    const NAME: &'static str = "Hits65536";
    const READS: bool = true;
    const STEADY: bool = true;
    type Key = u64;
    type State = ();

    fn prepare(&self, map: &impl View<u64>) {
        fill(map, MANY);
    }

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { i, .. }: At, (): &mut ()) {
        black_box(map.get(&scattered(i, MANY)));
    }
}

struct HitsStrings {
    keys: Vec<String>,
}

impl HitsStrings {
    fn new() -> Self {
        Self { keys: (0..1024).map(|i| format!("plant/line/{i:04}/pressure")).collect() }
    }
}

impl Shape for HitsStrings {
    const NAME: &'static str = "HitsStrings";
    const READS: bool = true;
    const STEADY: bool = true;
    type Key = String;
    type State = ();

    fn prepare(&self, map: &impl View<String>) {
        for key in &self.keys {
            map.insert(key.clone(), 0);
        }
        for key in self.keys.iter().chain(&self.keys) {
            map.get(key);
        }
    }

    #[inline]
    fn operation(&self, map: &impl View<String>, At { i, .. }: At, (): &mut ()) {
        black_box(map.get(&self.keys[scattered(i, 1024) as usize]));
    }
}

/// Few keys get most of the lookups; one in a hundred operations is an overwriting.
struct Zipf99 {
    keys: Vec<u16>,
}

impl Zipf99 {
    /// The exponent is one that Go's generator takes too.
    fn new() -> Self {
        let zipf = Zipf::new(MANY as f64, 1.01).expect("the parameters are in range");
        let rng = SmallRng::seed_from_u64(1);
        Self { keys: zipf.sample_iter(rng).take(MANY as usize).map(|rank: f64| (rank - 1.0) as u16).collect() }
    }
}

impl Shape for Zipf99 {
    const NAME: &'static str = "Zipf99";
    const READS: bool = true;
    const STEADY: bool = true;
    type Key = u64;
    type State = ();

    fn prepare(&self, map: &impl View<u64>) {
        fill(map, MANY);
    }

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { thread, i }: At, (): &mut ()) {
        // The threads are in different places of the same sequence.
        let place = (i + thread * MANY / 2) % MANY;
        let key = u64::from(self.keys[place as usize]);
        if i % 100 == 99 {
            map.insert(key, i);
        } else {
            black_box(map.get(&key));
        }
    }
}

/// Two threads overwrite 512 keys each.
struct OverwriteHalves;

impl Shape for OverwriteHalves {
    const NAME: &'static str = "OverwriteHalves";
    const STEADY: bool = true;
    type Key = u64;
    type State = ();

    fn prepare(&self, map: &impl View<u64>) {
        fill(map, 1024);
    }

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { thread, i }: At, (): &mut ()) {
        map.insert(thread % 2 * 512 + scattered(i, 512), i);
    }
}

/// An operation removes a thread's oldest key of 1024, and inserts another one.
struct Churn;

impl Shape for Churn {
    const NAME: &'static str = "Churn";
    type Key = u64;
    /// How many operations were done.
    type State = u64;

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { thread, .. }: At, done: &mut u64) {
        let first = thread << 32;
        if *done == 0 {
            (first..first + 1024).for_each(|key| _ = map.insert(key, key));
        }
        map.remove(&(first + *done));
        let new = first + *done + 1024;
        map.insert(new, new);
        *done += 1;
    }
}

/// From an empty map to 65,536 keys.
struct InsertUnique;

impl Shape for InsertUnique {
    const NAME: &'static str = "InsertUnique";
    const BATCH: Option<u64> = Some(MANY);
    type Key = u64;
    type State = ();

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { i, .. }: At, (): &mut ()) {
        map.insert(i, i);
    }
}

/// To as many keys as there are operations: for more of them than there is time for in each sample.
pub struct Growth;

impl Shape for Growth {
    const NAME: &'static str = "Growth";
    const CAPACITY: usize = 16;
    type Key = u64;
    type State = ();

    #[inline]
    fn operation(&self, map: &impl View<u64>, At { i, .. }: At, (): &mut ()) {
        map.insert(i, i);
    }
}
