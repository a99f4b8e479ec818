//! The Ethernet controller of the board: a LAN9118 (Arm application note 386, Ethernet).

use core::cell::RefCell;
use core::fmt;
use core::ptr::NonNull;

use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_time::Delay;
use lan9118::{Buffers, Counters, Lan9118, MappedRegisters, State};

use static_cell::ConstStaticCell;

use crate::interrupts::{self, Interrupt};

const BASE: NonNull<u32> = NonNull::new(0x4020_0000 as *mut u32).expect("it is not 0");

static BUFFERS: ConstStaticCell<Buffers> = ConstStaticCell::new(Buffers::new());
static STATE: State = State::new();
static INTERRUPT: CriticalSectionMutex<RefCell<lan9118::Interrupt<MappedRegisters>>> =
    CriticalSectionMutex::new(RefCell::new(lan9118::Interrupt::new(registers(), &STATE)));

/// The driver of the controller.
pub type Ethernet = Lan9118<MappedRegisters>;

/// Why there is no Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EthernetError {
    /// The controller does not answer.
    Controller(lan9118::Error),
    /// It was started before.
    Started,
}

impl From<lan9118::Error> for EthernetError {
    fn from(error: lan9118::Error) -> Self {
        EthernetError::Controller(error)
    }
}

impl fmt::Display for EthernetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EthernetError::Controller(error) => error.fmt(f),
            EthernetError::Started => f.write_str("the Ethernet controller was started before"),
        }
    }
}

impl core::error::Error for EthernetError {}

const fn registers() -> MappedRegisters {
    // SAFETY: the controller is there on this board.
    unsafe { MappedRegisters::new(BASE) }
}

/// Starts the controller, with this address or the one of its EEPROM. The clock runs already.
///
/// # Errors
/// The controller does not answer, or was started before.
pub fn start(address: Option<[u8; 6]>) -> Result<Ethernet, EthernetError> {
    let buffers = BUFFERS.try_take().ok_or(EthernetError::Started)?;
    let driver = Lan9118::new(registers(), address, &STATE, buffers, &mut Delay)?;
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
