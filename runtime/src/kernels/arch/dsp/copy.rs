//! Copies of a few bytes.

use core::arch::naked_asm;

/// Copies `count` bytes, at least 1: the last ones of a row, for which a general copy would be long.
///
/// # Safety
///
/// As many must be there to read and to write.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn copy_few(source: *const i8, target: *mut i8, count: usize) {
    naked_asm!("2:", "ldrb r3, [r0], #1", "strb r3, [r1], #1", "subs r2, #1", "bne 2b", "bx lr",)
}
