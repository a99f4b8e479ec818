//! Why a device was reset.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

/// Number of causes.
pub const RESET_CAUSES: usize = 8;

/// Why a device was reset. The number is the index in [`Report::resets`](super::Report::resets).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, MaxSize)]
#[repr(u8)]
pub enum ResetCause {
    /// The hardware does not say.
    #[default]
    Unknown = 0,
    /// Power came.
    PowerOn = 1,
    /// The reset pin or button.
    Pin = 2,
    /// The watchdog was not fed.
    Watchdog = 3,
    /// The firmware panicked.
    Panic = 4,
    /// The processor took a fault.
    Fault = 5,
    /// The supply voltage fell.
    Brownout = 6,
    /// The firmware asked for it.
    Requested = 7,
}

impl fmt::Display for ResetCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResetCause::Unknown => "unknown cause",
            ResetCause::PowerOn => "power on",
            ResetCause::Pin => "reset pin",
            ResetCause::Watchdog => "watchdog",
            ResetCause::Panic => "panic",
            ResetCause::Fault => "fault",
            ResetCause::Brownout => "brownout",
            ResetCause::Requested => "requested",
        })
    }
}
