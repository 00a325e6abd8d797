//! The guide: what to decide before a map is in a firmware, and what follows from it.
//! (Here for the documentation only.)

macro_rules! pages {
    ($($(#[$about:meta])* $page:ident,)*) => {$(
        $(#[$about])*
        #[doc = ""]
        #[doc = include_str!(concat!("../docs/guide/", stringify!($page), ".md"))]
        pub mod $page {}
    )*};
}

pages! {
    /// `SyncMap`, `FixedMap`, or neither.
    which_map,
    /// `CriticalSectionLock`, `SpinLock`, or one's own.
    which_lock,
    /// The rules for interrupt handlers, tasks and cores.
    interrupts,
    /// What a guard keeps, when memory is freed, and how much a map takes.
    memory,
    /// `N` and `SPARE` of a `FixedMap`.
    capacity,
    /// Cortex-M0, M0+, M1, `riscv32imc`: what stands in, and what it costs.
    cores_without_cas,
    /// What is promised, and how it is checked.
    verification,
    /// What makes it fast.
    performance,
}
