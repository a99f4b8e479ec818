//! The PSRAM: 16 MiB that the linker does not use.

use core::slice;

/// Where it starts; a multiple of its length.
pub const START: usize = 0x2100_0000;
/// Its length in bytes.
pub const LEN: usize = 16 << 20;

/// The PSRAM. Call it once.
pub fn take() -> &'static mut [u8] {
    // SAFETY: this is RAM that the linker does not know of, and `main`, which runs once, is the only caller.
    unsafe { slice::from_raw_parts_mut(START as *mut u8, LEN) }
}
