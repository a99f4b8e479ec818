//! The PHY inside the chip (data sheet, 5.5): autonegotiation and the state of the link.

/// The address of the PHY inside the chip.
pub const ADDRESS: u32 = 1;

/// A register of the PHY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum PhyRegister {
    BasicControl = 0,
    BasicStatus = 1,
    Advertisement = 4,
    PartnerAbility = 5,
    /// Reading clears it.
    InterruptSource = 29,
    InterruptMask = 30,
}

/// Basic control: negotiate, and do so now.
pub const NEGOTIATE: u32 = 1 << 12 | 1 << 9;
/// Basic status: the link is up. It stays clear until it is read once after the link was down.
pub const LINK_UP: u32 = 1 << 2;
/// Advertisement: 10 and 100 Mbit/s, half and full duplex, IEEE 802.3.
pub const ALL_SPEEDS: u32 = 0x01E1;
/// Interrupts when negotiation ends and when the link goes down.
pub const LINK_CHANGES: u32 = 1 << 6 | 1 << 4;

const FULL_100: u32 = 1 << 8;
const HALF_100: u32 = 1 << 7;
const FULL_10: u32 = 1 << 6;

/// Whether both ends talk at the same time, by what both are able to (IEEE 802.3, annex 28B.3).
pub const fn is_full_duplex(advertised: u32, partner: u32) -> bool {
    let common = advertised & partner;
    common & FULL_100 != 0 || common & HALF_100 == 0 && common & FULL_10 != 0
}
