//! Marks around a run, for tools that count the instructions or cycles between two functions.

use core::hint::black_box;

/// Is called right before a run.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn mark_begin() {
    // Two functions of the same content could become one.
    black_box(0u8);
}

/// Is called right after a run.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn mark_end() {
    black_box(1u8);
}
