//! The PSRAM: 16 MiB that the linker does not use.

use core::cell::Cell;
use core::slice;

use cortex_m::interrupt::{self, Mutex};

/// Where it starts; a multiple of its length.
pub const START: usize = 0x2100_0000;
/// Its length in bytes.
pub const LEN: usize = 16 << 20;

static TAKEN: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));

/// The PSRAM; `None` from the second call on. A reset does not change what it holds.
pub fn take() -> Option<&'static mut [u8]> {
    if interrupt::free(|token| TAKEN.borrow(token).replace(true)) {
        return None;
    }
    // SAFETY: this is RAM that the linker does not know of, and nobody else gets here.
    Some(unsafe { slice::from_raw_parts_mut(START as *mut u8, LEN) })
}
