//! Random sequences of operations: from proptest, which finds the shortest that fails, or where it does not run, simply
//! random ones, the same each time.

use std::fmt::Debug;
use std::ops::Range;

/// What there is to do, and how often in relation to the others. Those of one weight share it.
pub type Choices<T> = &'static [(u32, &'static [T])];

#[derive(Clone, Copy, Debug)]
pub struct Step<T> {
    pub op: T,
    pub key: u32,
    pub pinned: bool,
}

/// Runs `test` on so many sequences of steps with keys below `keys`.
#[cfg(not(target_os = "none"))]
pub fn for_all<T: Copy + Debug + 'static>(
    cases: usize,
    choices: Choices<T>,
    keys: u32,
    len: Range<usize>,
    test: impl Fn(&[Step<T>]),
) {
    use proptest::prelude::*;
    use proptest::strategy::Union;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let op =
        Union::new_weighted(choices.iter().map(|&(weight, ops)| (weight, proptest::sample::select(ops))).collect());
    let step = (op, 0..keys, any::<bool>()).prop_map(|(op, key, pinned)| Step { op, key, pinned });
    // (ChaCha, which is the default, takes a sixth of the time of suites that are not optimised.)
    let rng_algorithm = RngAlgorithm::XorShift;
    let config = Config { cases: cases as u32, failure_persistence: None, rng_algorithm, ..Config::default() };
    // Miri has time for a few sequences only: the same ones each time, so that what comes of them is known.
    let mut runner = if cfg!(miri) {
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    } else {
        TestRunner::new(config)
    };
    let tested = runner.run(&proptest::collection::vec(step, len), |steps| {
        test(&steps);
        Ok(())
    });
    if let Err(failure) = tested {
        panic!("{failure}");
    }
}

#[cfg(target_os = "none")]
pub fn for_all<T: Copy + Debug + 'static>(
    cases: usize,
    choices: Choices<T>,
    keys: u32,
    len: Range<usize>,
    test: impl Fn(&[Step<T>]),
) {
    use std::vec::Vec;

    use super::Random;

    let mut random = Random::new(cases as u64);
    let weights: u32 = choices.iter().map(|(weight, _)| weight).sum();
    for _ in 0..cases {
        let len = len.start + random.below((len.end - len.start) as u64) as usize;
        let step = |_| {
            let mut at = random.below(weights.into()) as u32;
            let mut choices = choices.iter();
            let ops = loop {
                let (weight, ops) = choices.next().expect("the sum of weights");
                match at.checked_sub(*weight) {
                    Some(rest) => at = rest,
                    None => break ops,
                }
            };
            let op = ops[random.below(ops.len() as u64) as usize];
            Step { op, key: random.below(keys.into()) as u32, pinned: random.below(2) == 0 }
        };
        let steps: Vec<Step<T>> = (0..len).map(step).collect();
        test(&steps);
    }
}
