//! What ends a program early: it says why and where, and ends.

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};

use crate::exit;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(location) = info.location() {
        defmt::error!("panicked at {=str}:{=u32}", location.file(), location.line());
    }
    exit::with(exit::PANIC)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!("hard fault at {=u32:#010x}", frame.pc());
    exit::with(exit::HARD_FAULT)
}
