//! The RAM that static variables and the stack leave.

use core::slice;

use crate::stack;

/// Memory between the static variables and the stack. Call it once.
pub fn free_memory() -> &'static mut [u8] {
    let start = cortex_m_rt::heap_start().addr();
    let len = stack::limit().saturating_sub(start);
    // SAFETY: the linker placed nothing from here to the stack, and `exercise`, which never returns, is the only caller.
    unsafe { slice::from_raw_parts_mut(cortex_m_rt::heap_start().cast(), len) }
}
