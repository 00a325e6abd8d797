//! twinmap's tasks, run as `cargo xtask TASK`. Each sets up the tools that it needs and shows the commands it runs.

mod canlog;
mod checks;
mod cmd;
mod demo;
mod genlog;
mod matrix;
mod setup;
mod size;

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
    Demo {
        /// The board that the firmware is for
        #[arg(long, value_enum, default_value_t = Board::Lm3s6965evb)]
        board: Board,
        /// A log in candump's file format (`candump -l`); without it, the generated one that is shipped
        file: Option<PathBuf>,
    },
    /// Run the checks
    Test {
        /// More schedules under Miri
        #[arg(long)]
        long: bool,
        /// Only these steps
        #[arg(long, value_name = "STEP", num_args = 1.., value_parser = checks::names())]
        only: Vec<String>,
        /// List the steps and run none
        #[arg(long)]
        list: bool,
    },
    /// Measure what a FixedMap takes of a firmware's RAM and flash, and compare it with the budget
    Size,
    /// Generate the demo's log: the same bytes each time
    GenLog {
        /// Where to write it; without it, over the one that is shipped
        file: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Demo { board, file } => demo::run(board, file.as_deref()),
        Task::Test { list: true, .. } => {
            checks::list();
            Ok(())
        }
        Task::Test { long, only, .. } => return checks::run(long, &only),
        Task::Size => size::run(),
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
