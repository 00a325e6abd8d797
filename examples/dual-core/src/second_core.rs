//! Starts the second core of an mps2-an521.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

#[repr(C, align(8))]
struct Stack(UnsafeCell<MaybeUninit<[u8; 16 * 1024]>>);

// SAFETY: the second core alone uses it; the other one takes its address.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new(MaybeUninit::uninit()));

/// The beginning of a vector table. This core takes no interrupts; a fault, for which there is no handler, ends QEMU.
#[repr(C, align(128))]
struct Vectors {
    stack: *const Stack,
    entry: extern "C" fn() -> !,
}

// SAFETY: it is only read.
unsafe impl Sync for Vectors {}

static VECTORS: Vectors = Vectors { stack: (&raw const STACK).wrapping_add(1), entry: crate::second_core };

/// Where the second core looks for its vectors.
const INITIAL_VECTORS: *mut u32 = 0x5002_1114 as *mut u32;
/// A bit for each core that waits to be started.
const WAITING: *mut u32 = 0x5002_1118 as *mut u32;

/// Runs `crate::second_core` there.
pub fn start() {
    // SAFETY: registers that nobody else writes. The table is there for ever, and so is the stack in it.
    unsafe {
        INITIAL_VECTORS.write_volatile((&raw const VECTORS).addr() as u32);
        cortex_m::asm::dsb();
        WAITING.write_volatile(0);
    }
}
