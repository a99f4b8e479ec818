//! Marks around spans, for tools that count the instructions or cycles between two functions.
//!
//! A program passes them in this order: opening the model, preparing a session, nothing, a run; and if it profiles, nothing as
//! seen by an observer, then every step.

use core::hint::black_box;

/// Calls `function` between the marks.
#[inline(always)]
pub fn marked<T>(function: impl FnOnce() -> T) -> T {
    mark_begin();
    let result = function();
    mark_end();
    result
}

/// Is called right before a span.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn mark_begin() {
    // Two functions of the same content could become one.
    black_box(0u8);
}

/// Is called right after a span.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn mark_end() {
    black_box(1u8);
}
