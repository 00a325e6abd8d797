//! twinmap's tasks, run as `cargo xtask TASK`. Each sets up the tools that it needs and shows the commands it runs.

mod bench_host;
mod bench_mcu;
mod boards;
mod canlog;
mod checks;
mod cmd;
mod coverage;
mod demo;
#[cfg(test)]
mod doc_examples;
mod examples;
mod faults;
mod fuzz;
mod genlog;
mod image;
mod matrix;
mod mutants;
mod no_panic;
mod package;
mod readme;
mod report;
mod setup;
mod size;
mod target;
mod unsafe_table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::Board;

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "twinmap's tasks", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the firmware demo under QEMU on a log of CAN frames, and check what it made of it
    #[command(override_usage = "cargo xtask demo [--board BOARD] [FILE]\n       cargo xtask demo --compare [--update]")]
    Demo {
        /// The board that the firmware is for
        #[arg(long, value_enum, default_value_t = Board::Lm3s6965evb)]
        board: Board,
        /// Instead, count for how long interrupts are masked on the log that is shipped, here and with plain maps in
        /// critical sections, and compare with benches/demo.json
        #[arg(long, conflicts_with_all = ["board", "file"])]
        compare: bool,
        /// Write benches/demo.json anew, and the README's chart
        #[arg(long, requires = "compare")]
        update: bool,
        /// A log in candump's file format (`candump -l`); without it, the generated one that is shipped
        file: Option<PathBuf>,
    },
    /// Run the checks
    Test {
        /// All that the normal run has no time for
        #[arg(long)]
        long: bool,
        /// Only these steps
        #[arg(long, value_name = "STEP", num_args = 1.., value_parser = checks::names())]
        only: Vec<String>,
        /// List the steps and run none
        #[arg(long)]
        list: bool,
    },
    /// Run the tests on the cores that the map is for, under QEMU, and print a table
    TestTarget {
        /// Only these boards
        #[arg(long, value_name = "BOARD", num_args = 1.., value_parser = boards::names())]
        board: Vec<String>,
        /// Only these suites: files of on-target/tests
        #[arg(long, value_name = "SUITE", num_args = 1.., value_parser = target::names())]
        suite: Vec<String>,
        /// Every interrupt at every point, instead of one after the other
        #[arg(long)]
        long: bool,
        /// Only tests with one of these in their names
        #[arg(last = true)]
        words: Vec<String>,
    },
    /// Run an image of tests on the board for its target: what `cargo test` in on-target does with it
    #[command(hide = true)]
    RunImage {
        image: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run an image that logs by defmt, and print what it logs: what `cargo run` in examples/defmt does with it
    #[command(hide = true)]
    RunDefmt { image: PathBuf },
    /// Measure what a FixedMap takes of a firmware's RAM and flash, and compare it with the budget
    Size,
    /// Count the instructions of operations on microcontrollers, under QEMU; print tables,
    /// and compare with benches/mcu.json
    BenchMcu {
        /// Write benches/mcu.json anew, and docs/instructions.md
        #[arg(long)]
        update: bool,
        /// Instead, show which functions the instructions of this row of benches/mcu.json are in, as
        /// `thumbv7m 3 64 SyncMap/CriticalSectionLock overwrite`
        #[arg(long, value_name = "ROW", num_args = 1.., conflicts_with = "update")]
        explain: Vec<String>,
    },
    /// Measure the map, its peers and Go's sync.Map on this machine, print tables, and write benches/host.json
    BenchHost {
        /// How many times to measure everything
        #[arg(long, default_value_t = 3, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
        rounds: usize,
        /// Only the shapes with one of these in their names
        words: Vec<String>,
    },
    /// Plant faults in a copy of the crate, and see that a check finds each of them
    Faults {
        /// Only those with one of these in their names or files
        words: Vec<String>,
    },
    /// Run the host's tests, print how much of src/ they run, and fail when that is too little
    Coverage,
    /// Change src in one place at a time, and fail when the tests do not notice, unless docs/mutants.md says why
    Mutants {
        /// For cargo-mutants: `--shard 0/4`, `--file src/map.rs`, and the like
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Write docs/performance.md, with charts, and the README's figures, of what was measured
    Report,
    /// Write docs/unsafe.md, a table of all that is unsafe in the crate, with what each rests on
    Unsafe,
    /// Generate the demo's log: the same bytes each time
    GenLog {
        /// Where to write it; without it, over the one that is shipped
        file: Option<PathBuf>,
    },
}

/// Whether an option that takes names chooses this one: without any, it chooses all.
fn chosen(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|chosen| chosen == name)
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Demo { compare: true, update, .. } => demo::compare::run(update),
        Task::Demo { board, file, .. } => demo::run(board, file.as_deref()),
        Task::Test { list: true, .. } => {
            checks::list();
            Ok(())
        }
        Task::Test { long, only, .. } => return checks::run(long, &only),
        Task::TestTarget { board, suite, long, words } => target::run(&boards::named(&board), &suite, long, &words),
        Task::RunImage { image, arguments } => target::run_one(&image, &arguments),
        Task::RunDefmt { image } => examples::run_defmt(&image),
        Task::Size => size::run(),
        Task::BenchMcu { update, explain } if explain.is_empty() => bench_mcu::run(update),
        Task::BenchMcu { explain, .. } => bench_mcu::explain(&explain),
        Task::BenchHost { rounds, words } => bench_host::run(rounds, &words),
        Task::Faults { words } => faults::run(&words, false),
        Task::Mutants { arguments } => mutants::run(&arguments),
        Task::Coverage => coverage::run(false),
        Task::Report => report::run(),
        Task::Unsafe => unsafe_table::run(),
        Task::GenLog { file } => genlog::write(file.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
