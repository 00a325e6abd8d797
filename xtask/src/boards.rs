//! The boards of QEMU's that tests run on.

use clap::builder::PossibleValue;

use crate::chosen;
use crate::cmd::Cmd;
use crate::matrix::{CRITICAL_SECTION, SINGLE_CORE};

/// A board, and how the tests are built for it. on-target/build.rs knows the same boards by their targets.
#[derive(Clone, Copy)]
pub struct Board {
    pub name: &'static str,
    pub core: &'static str,
    pub triple: &'static str,
    /// The feature for a core without compare-and-swap, or nothing.
    pub polyfill: &'static str,
    /// QEMU's program and options.
    qemu: &'static str,
    pub cores: usize,
    /// More options, for as many cores as there are.
    smp: &'static str,
    /// Which suites run there.
    pub suites: Size,
    /// With `-icount shift`, an instruction lasts 2^shift nanoseconds: here, a tick of the
    /// board's timer, or a little longer.
    shift: u32,
    /// Not in a normal run: others have its instructions, but those for signals and floating point, and its
    /// compare-and-swap, or its stand-in for that.
    pub repeats: bool,
}

/// What memory it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Small,
    /// Megabytes: the suite of the host's tests.
    Large,
    Any,
}

const THUMBV6M: Board = Board {
    name: "microbit",
    core: "Cortex-M0",
    triple: "thumbv6m-none-eabi",
    polyfill: CRITICAL_SECTION,
    // The tests take more memory than the real board has.
    qemu: "qemu-system-arm -M microbit -global nrf51-soc.flash-size=4194304 -global nrf51-soc.sram-size=524288",
    cores: 1,
    smp: "",
    suites: Size::Any,
    shift: 6,
    repeats: false,
};

pub const LM3S6965EVB: Board = Board {
    name: "lm3s6965evb",
    core: "Cortex-M3",
    triple: "thumbv7m-none-eabi",
    polyfill: "",
    qemu: "qemu-system-arm -M lm3s6965evb",
    suites: Size::Small,
    shift: 7,
    ..THUMBV6M
};

const THUMBV7EM: Board = Board {
    name: "mps2-an386",
    core: "Cortex-M4F",
    triple: "thumbv7em-none-eabihf",
    polyfill: "",
    qemu: "qemu-system-arm -M mps2-an386",
    ..THUMBV6M
};

const RV32IMC: Board = Board {
    name: "virt",
    core: "RV32IMC",
    triple: "riscv32imc-unknown-none-elf",
    polyfill: CRITICAL_SECTION,
    qemu: "qemu-system-riscv32 -M virt -cpu rv32,a=false -bios none",
    cores: 1,
    smp: "",
    suites: Size::Any,
    shift: 8,
    repeats: false,
};

const RV32IMAC: Board = Board {
    core: "4 RV32IMAC",
    cores: 4,
    triple: "riscv32imac-unknown-none-elf",
    polyfill: "",
    qemu: "qemu-system-riscv32 -M virt -bios none",
    smp: "-smp 4",
    suites: Size::Small,
    ..RV32IMC
};

/// What QEMU says of an lm3s6965evb at every start.
pub const HARMLESS: &str = "Timer with period zero, disabling";

pub const BOARDS: &[Board] = &[
    // With a critical section for each read-modify-write, interrupts at every instruction take three times as long.
    Board { repeats: true, ..THUMBV6M },
    Board { polyfill: SINGLE_CORE, ..THUMBV6M },
    LM3S6965EVB,
    // The same core, with memory enough for the others.
    Board {
        name: "mps2-an385",
        qemu: "qemu-system-arm -M mps2-an385",
        suites: Size::Large,
        shift: 6,
        repeats: true,
        ..LM3S6965EVB
    },
    Board { repeats: true, ..THUMBV7EM },
    Board { name: "mps2-an500", core: "Cortex-M7", qemu: "qemu-system-arm -M mps2-an500", repeats: true, ..THUMBV7EM },
    Board {
        name: "mps2-an521",
        core: "2 Cortex-M33",
        cores: 2,
        triple: "thumbv8m.main-none-eabi",
        qemu: "qemu-system-arm -M mps2-an521", // Always with both of its cores.
        ..THUMBV7EM
    },
    Board {
        name: "mps3-an547",
        core: "Cortex-M55",
        triple: "thumbv8m.main-none-eabihf",
        qemu: "qemu-system-arm -M mps3-an547",
        repeats: true,
        ..THUMBV7EM
    },
    RV32IMC,
    Board { polyfill: SINGLE_CORE, repeats: true, ..RV32IMC },
    RV32IMAC,
    // The same cores, for the other suites.
    Board { suites: Size::Large, repeats: true, ..RV32IMAC },
];

/// Those of these names, or all.
pub fn named(names: &[String]) -> Vec<&'static Board> {
    BOARDS.iter().filter(|board| chosen(names, board.name)).collect()
}

/// Each name once.
pub fn names() -> Vec<PossibleValue> {
    let mut names: Vec<_> = BOARDS.iter().map(|board| (board.name, board.core)).collect();
    names.sort_unstable();
    // A few are there for other suites, or with another stand-in for compare-and-swap.
    names.dedup_by_key(|(name, _)| *name);
    names.into_iter().map(|(name, core)| PossibleValue::new(name).help(core)).collect()
}

/// What time is to the board.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The host's. Several cores run in parallel.
    Real,
    /// An instruction lasts so many times 2 of what it must to last a tick; runs are repeatable, and interrupts come
    /// between any two instructions. Several cores take turns.
    Instructions { finer: u32 },
}

impl Board {
    /// QEMU with `image`, to which `arguments` are passed; with all `cores`, or one if it can be had.
    pub fn run(&self, clock: Clock, cores: bool, image: &str, arguments: &str) -> Cmd {
        let Self { qemu, smp, .. } = self;
        let smp = if cores { smp } else { "" };
        let clock = match clock {
            Clock::Real => "-accel tcg,thread=multi".to_owned(),
            Clock::Instructions { finer } => format!("-icount shift={},sleep=off", self.shift + finer),
        };
        Cmd::new(&format!("{qemu} {smp} {clock} -nographic -semihosting-config enable=on,target=native"))
            .args(["-kernel", image, "-append", arguments])
    }

    /// QEMU's program.
    pub fn program(&self) -> &'static str {
        self.qemu.split_once(' ').map_or(self.qemu, |(program, _)| program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix;

    #[test]
    fn each_build_of_the_matrix_has_a_board() {
        for (triple, polyfill) in matrix::builds() {
            assert!(
                BOARDS.iter().any(|board| (board.triple, board.polyfill) == (triple, polyfill)),
                "{triple} {polyfill}"
            );
        }
    }
}
