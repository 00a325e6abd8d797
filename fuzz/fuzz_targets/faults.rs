//! The same sequences, with an allocator that fails and user code that panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinmap_fuzz::script::Script;

fuzz_target!(|script: Script<true>| twinmap_fuzz::run(&script));
