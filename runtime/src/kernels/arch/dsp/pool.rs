//! Sums over pixels, four channels at a time.

use core::arch::naked_asm;

/// Adds four channels of `count` pixels, the first at the start of `pixels`, each `step` bytes behind the one before. Adds nothing and
/// says so where there are no whole words.
pub(crate) fn add_pixels(pixels: &[i8], step: usize, count: usize, sums: &mut [i32; 4]) -> bool {
    let last = count.saturating_sub(1).saturating_mul(step);
    if count == 0 || last.saturating_add(4) > pixels.len() {
        return false;
    }
    // SAFETY: `count` words are there, the last of which begins at `last`.
    unsafe { add_words(pixels.as_ptr(), step, count, sums) };
    true
}

/// # Safety
///
/// `count` words must be there, at any address, and `count` not be 0.
#[unsafe(naked)]
unsafe extern "C" fn add_words(values: *const i8, step: usize, count: usize, sums: &mut [i32; 4]) {
    naked_asm!(
        "push {{r4-r7, lr}}",
        "ldm r3, {{r4-r7}}",
        "2:",
        "ldr.w r12, [r0]",
        "add r0, r1",
        "subs r2, #1",
        "sxtab r4, r4, r12",
        "sxtab r5, r5, r12, ror #8",
        "sxtab r6, r6, r12, ror #16",
        "sxtab r7, r7, r12, ror #24",
        "bne 2b",
        "stm r3, {{r4-r7}}",
        "pop {{r4-r7, pc}}",
    )
}
