//! Markers of what is done, for the plugin of benches/mcu that writes down at which instruction each was: hints, which
//! do nothing on this core. Without the feature `replay` there are none.

/// What begins. An interrupt may come anywhere within it, and its handler ends before it does.
#[derive(Clone, Copy)]
pub enum Work {
    // Operations on a map:
    Lookup,
    Insertion,
    Removal,
    Iteration,
    // Handlers:
    Uart,
    SysTick,
}

#[cfg(feature = "replay")]
macro_rules! hint {
    ($code:literal) => {
        // SAFETY: the hint does nothing.
        unsafe { core::arch::asm!(concat!(".inst.n ", $code), options(nostack, preserves_flags)) }
    };
}

#[cfg(not(feature = "replay"))]
macro_rules! hint {
    ($code:literal) => {
        ()
    };
}

/// Does `work` between the markers.
#[inline(always)]
pub fn around<R>(what: Work, work: impl FnOnce() -> R) -> R {
    match what {
        Work::Lookup => hint!("0xbf80"),
        Work::Insertion => hint!("0xbf90"),
        Work::Removal => hint!("0xbfa0"),
        Work::Iteration => hint!("0xbfb0"),
        Work::Uart => hint!("0xbfc0"),
        Work::SysTick => hint!("0xbfd0"),
    }
    let result = work();
    hint!("0xbff0");
    result
}

/// The log was played: what comes is not counted.
pub fn log_played() {
    hint!("0xbfe0");
}
