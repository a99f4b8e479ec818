//! The Ethernet controller of the board: a LAN9118 (Arm application note 386, Ethernet).

use core::cell::RefCell;
use core::ptr::NonNull;

use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_time::Delay;
use lan9118::{Counters, Lan9118, MappedRegisters, State};

use crate::interrupts::{self, Interrupt};

const BASE: NonNull<u32> = NonNull::new(0x4020_0000 as *mut u32).expect("it is not 0");

static STATE: State = State::new();
static INTERRUPT: CriticalSectionMutex<RefCell<lan9118::Interrupt<MappedRegisters>>> =
    CriticalSectionMutex::new(RefCell::new(lan9118::Interrupt::new(registers(), &STATE)));

/// The driver of the controller.
pub type Ethernet = Lan9118<MappedRegisters>;

const fn registers() -> MappedRegisters {
    // SAFETY: the controller is there on this board.
    unsafe { MappedRegisters::new(BASE) }
}

/// Starts the controller, with this address or the one of its EEPROM. The clock runs already.
///
/// # Errors
/// The controller does not answer.
pub fn start(address: Option<[u8; 6]>) -> Result<Ethernet, lan9118::Error> {
    let driver = Lan9118::new(registers(), address, &STATE, &mut Delay)?;
    interrupts::enable(Interrupt::Ethernet);
    Ok(driver)
}

/// Frames so far.
pub fn counters() -> Counters {
    STATE.counters()
}

/// The controller's interrupt.
pub(crate) fn on_interrupt() {
    INTERRUPT.lock(|interrupt| interrupt.borrow_mut().handle());
}
