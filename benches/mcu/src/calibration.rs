//! Code of which it is known how many instructions it takes. The rig believes no count unless these are right.

use core::arch::global_asm;

use semihosting::println;

use crate::marker;

unsafe extern "C" {
    safe fn calibration_nothing(subject: &u32, key: u32, value: u32) -> u32;
    safe fn calibration_nops(subject: &u32, key: u32, value: u32) -> u32;
    safe fn calibration_mask(subject: &u32, key: u32, value: u32) -> u32;
    safe fn calibration_nested(subject: &u32, key: u32, value: u32) -> u32;
    safe fn calibration_allocator(subject: &u32, key: u32, value: u32) -> u32;
}

// In each, `bx lr` is the return, which does not count.
global_asm!(
    ".macro nops count",
    ".rept \\count",
    "nop",
    ".endr",
    ".endm",
    ".macro begin name",
    ".global \\name",
    ".type \\name, %function",
    ".thumb_func",
    "\\name:",
    ".endm",
    ".pushsection .text.calibration, \"ax\", %progbits",
    ".balign 4",
    "begin calibration_nothing",
    "bx lr",
    "begin calibration_nops",
    "nops 10",
    "bx lr",
    // 7 instructions, 5 of them between masking and unmasking.
    "begin calibration_mask",
    "cpsid i",
    "nops 5",
    "cpsie i",
    "bx lr",
    // 19 instructions: masked for 3, and for 10 in which interrupts are masked a second time.
    "begin calibration_nested",
    "mrs r0, PRIMASK",
    "cpsid i",
    "nops 3",
    "msr PRIMASK, r0",
    "mrs r0, PRIMASK",
    "cpsid i",
    "nops 2",
    "mrs r1, PRIMASK",
    "cpsid i",
    "nops 1",
    "msr PRIMASK, r1",
    "nops 4",
    "msr PRIMASK, r0",
    "bx lr",
    // 4 instructions and a masked one of the allocator's 9; and the rig's own.
    "begin calibration_allocator",
    "nops 1",
    ".inst.n 0xbfb0",
    "mrs r0, PRIMASK",
    "cpsid i",
    "nops 6",
    "msr PRIMASK, r0",
    ".inst.n 0xbfc0",
    "nops 11",
    ".inst.n 0xbfd0",
    "nops 3",
    "bx lr",
    ".popsection",
);

pub fn run() {
    let rows: [(&str, marker::Operation<u32>); 5] = [
        ("nothing", calibration_nothing),
        ("nops", calibration_nops),
        ("mask", calibration_mask),
        ("nested", calibration_nested),
        ("allocator", calibration_allocator),
    ];
    for (name, code) in rows {
        println!("row 0 calibration {name}");
        marker::row();
        marker::measured(code, &0, 0, 0);
    }
}
