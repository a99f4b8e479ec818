use core::fmt;

/// Why the chip cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The register for testing the byte order holds this value, not 0x87654321.
    NoChip(u32),
    /// The chip is not of the family; this is its identification.
    UnknownChip(u16),
    /// The chip did not wake up within 100 ms.
    NotReady,
    /// The chip did not come out of its reset within 100 ms.
    ResetTimedOut,
    /// A register of the MAC could not be reached within 100 ms.
    MacTimedOut,
    /// A register of the PHY could not be reached within 100 ms.
    PhyTimedOut,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoChip(found) => write!(
                f,
                "no LAN9118 answers: its test register reads {found:#010x}; check address and width of the bus"
            ),
            Error::UnknownChip(id) => {
                write!(f, "the Ethernet controller {id:#06x} is none of LAN9115 to LAN9118")
            }
            Error::NotReady => f.write_str("the Ethernet controller does not wake up: check its clock"),
            Error::ResetTimedOut => f.write_str("the Ethernet controller does not come out of its reset"),
            Error::MacTimedOut => f.write_str("the MAC of the Ethernet controller does not answer"),
            Error::PhyTimedOut => f.write_str("the PHY of the Ethernet controller does not answer"),
        }
    }
}

impl core::error::Error for Error {}
