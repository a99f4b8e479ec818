//! What ends a program early: it says why and where, and ends, or does what the image has asked for.

use core::cell::Cell;
use core::panic::PanicInfo;

use cortex_m::interrupt::{self, Mutex};
use cortex_m_rt::{ExceptionFrame, exception};

use crate::exit;

/// What ended a program early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A panic, in this line of its file.
    Panic(u32),
    /// A fault of the processor at this address.
    Hard(u32),
}

/// What follows a fault.
pub type Handler = fn(Fault) -> !;

static HANDLER: Mutex<Cell<Option<Handler>>> = Mutex::new(Cell::new(None));

/// Has `handler` called after a fault was logged; without one the program ends with a code.
pub fn on_fault(handler: Handler) {
    interrupt::free(|token| HANDLER.borrow(token).set(Some(handler)));
}

fn end(fault: Fault, code: u8) -> ! {
    match interrupt::free(|token| HANDLER.borrow(token).get()) {
        Some(handler) => handler(fault),
        None => exit::with(code),
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut line = 0;
    if let Some(location) = info.location() {
        line = location.line();
        defmt::error!("panicked at {=str}:{=u32}", location.file(), line);
    }
    end(Fault::Panic(line), exit::PANIC)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!("hard fault at {=u32:#010x}", frame.pc());
    end(Fault::Hard(frame.pc()), exit::HARD_FAULT)
}
