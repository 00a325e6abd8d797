//! Markers: instructions that do nothing and that no compiler emits. They are hints, `hint #8` to `hint #13`, without a
//! meaning on these cores. (A move of a register to itself a compiler does emit, as a conditional one.)
//!
//! The plugin writes down at which instruction each was. The rig reads from that, in this order: the next row begins
//! (the line for it is printed before), an operation begins, it ends; and within it, the allocator begins, it ends and
//! what follows is the rig's own, the operation goes on.

use core::arch::asm;

macro_rules! marker {
    ($(#[$about:meta])* $name:ident, $code:literal) => {
        $(#[$about])*
        #[inline(always)]
        pub fn $name() {
            // SAFETY: the hint does nothing.
            unsafe { asm!(concat!(".inst.n ", $code), options(nostack, preserves_flags)) }
        }
    };
}

marker! {
    /// The next row begins.
    row, "0xbf80"
}
marker! {
    /// The allocator begins.
    allocator, "0xbfb0"
}
marker! {
    /// The allocator ended, and the rig does something of its own.
    aside, "0xbfc0"
}
marker! {
    /// Back from the allocator.
    resume, "0xbfd0"
}

/// An operation: all have the same signature, so that calling each costs the same.
pub type Operation<S> = extern "C" fn(subject: &S, key: u32, value: u32) -> u32;

/// Calls `operation` between the markers: there are a call and a return between them, and what the operation does.
///
/// It is called from assembly, for the compiler to move nothing past the markers and to know nothing of the arguments.
#[inline(never)]
pub fn measured<S>(operation: Operation<S>, subject: &S, key: u32, value: u32) -> u32 {
    let result;
    // SAFETY: a call by the C ABI, of a function of this signature. The markers do nothing.
    unsafe {
        asm!(
            ".inst.n 0xbf90",
            "blx r3",
            ".inst.n 0xbfa0",
            inlateout("r0") subject => result,
            in("r1") key,
            in("r2") value,
            in("r3") operation,
            clobber_abi("C"),
        );
    }
    result
}
