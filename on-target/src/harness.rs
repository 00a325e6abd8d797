//! Runs an image's tests, one line each. A test that fails ends the image: nothing here can unwind. Whoever
//! runs it starts it again, with `--from` and the number of the next test; so each of them has its own
//! machine, as it were, after a failure.

use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use semihosting::{print, println, process};

pub struct Test {
    /// With its modules, the first of which is the image.
    pub name: &'static str,
    pub run: fn(),
}

impl Test {
    fn name(&self) -> &'static str {
        self.name.split_once("::").map_or(self.name, |(_, name)| name)
    }
}

#[linkme::distributed_slice]
pub static TESTS: [Test];

/// The exit code of an image of which a test failed.
const FAILED: i32 = 101;

/// Prints a figure that a test found, before the test's result.
#[macro_export]
macro_rules! note {
    ($($what:tt)*) => {
        $crate::harness::note(format_args!($($what)*))
    };
}

/// Something was printed since the test's name.
static NOTED: AtomicBool = AtomicBool::new(false);

pub fn note(what: fmt::Arguments) {
    if !NOTED.load(Relaxed) {
        println!();
    }
    NOTED.store(true, Relaxed);
    println!("    {what}");
}

static THOROUGH: AtomicBool = AtomicBool::new(false);

/// Whether there is time for all combinations, instead of one after the other.
pub fn thorough() -> bool {
    THOROUGH.load(Relaxed)
}

/// The arguments: `--list`; `--exact`; `--thorough`; `--from N`, which leaves out the first N of those chosen; and
/// words, of which a test's name has to contain one.
fn run() -> ! {
    let arguments = semihosting::experimental::env::args::<512>().expect("at most 512 bytes of arguments");
    let (mut list, mut exact, mut from, mut words) = (false, false, 0, [""; 8]);
    let mut count = 0;
    let mut arguments = (&arguments).skip(1);
    while let Some(argument) = arguments.next() {
        match argument.expect("an argument is UTF-8") {
            "--list" => list = true,
            "--exact" => exact = true,
            "--thorough" => THOROUGH.store(true, Relaxed),
            "--from" => {
                let number = arguments.next().and_then(|number| number.ok()?.parse().ok());
                from = number.expect("--from takes a number");
            }
            option if option.starts_with('-') => {} // Of libtest's, and nothing that an image does.
            word => {
                words[count] = word;
                count += 1;
            }
        }
    }
    let words = &words[..count];
    let chosen = |name: &str| {
        let fits = |word: &&str| if exact { name == *word } else { name.contains(word) };
        words.is_empty() || words.iter().any(fits)
    };
    for test in TESTS.iter().filter(|test| chosen(test.name())).skip(from) {
        if list {
            println!("{}: test", test.name());
            continue;
        }
        print!("test {} ... ", test.name());
        (test.run)();
        if NOTED.load(Relaxed) {
            print!("test {} ... ", test.name());
            NOTED.store(false, Relaxed);
        }
        println!("ok");
    }
    process::exit(0)
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    crate::heap::init();
    run()
}

/// Never returns to whatever it was, and lets nothing else come in between.
fn fail(why: fmt::Arguments) -> ! {
    // The state is for a section to end with, and this one does not end.
    // SAFETY: nobody is left to be shut out for ever.
    let _ = unsafe { critical_section::acquire() };
    println!("FAILED\n{why}");
    process::exit(FAILED)
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    fail(format_args!("{info}"))
}

#[cfg(target_arch = "arm")]
#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    fail(format_args!("hard fault: {frame:#x?}"))
}

#[cfg(target_arch = "riscv32")]
#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    let (cause, at) = (riscv::register::mcause::read().code(), riscv::register::mepc::read());
    fail(format_args!("exception {cause} at {at:#x}"))
}
