//! Sequences of all operations, against a model.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinmap_fuzz::script::Script;

fuzz_target!(|script: Script<false>| twinmap_fuzz::run(&script));
