//! The chip itself: reset, MAC and PHY, and single frames.

use embedded_hal::delay::DelayNs;

use crate::error::Error;
use crate::phy::{self, PhyRegister};
use crate::registers::{Register, Registers};

/// Longest frame without its check sequence, in bytes: header, 1,500 bytes of data.
pub const LONGEST_FRAME: usize = 1514;
/// Length of the check sequence that the chip adds and leaves, in bytes.
const CHECK_SEQUENCE: usize = 4;
/// Shortest frame with its check sequence, in bytes: an Ethernet header and nothing else. QEMU does not pad.
const SHORTEST: usize = 14 + CHECK_SEQUENCE;
/// Bytes of the transmit FIFO that a frame takes at most: two command words, and the frame in whole words.
const ROOM: u32 = 8 + (LONGEST_FRAME as u32).next_multiple_of(4);

/// How often a bit is looked at before giving up, and how long in between, in microseconds: 100 ms.
const ATTEMPTS: usize = 10_000;
const PERIOD: u32 = 10;

const BYTE_TEST: u32 = 0x8765_4321;
const FAMILY: core::ops::RangeInclusive<u16> = 0x0115..=0x0118;

/// PMT_CTRL: the chip is awake.
const READY: u32 = 1;
/// HW_CFG: software reset; a bit that must be one; 3 KiB of the 16 KiB of FIFO for transmission, all else for reception.
const SOFTWARE_RESET: u32 = 1;
const HARDWARE: u32 = 1 << 20 | 3 << 16;
/// TX_CFG: transmit.
const TRANSMIT_ON: u32 = 1 << 1;
/// IRQ_CFG: the line is enabled, driven, and active high.
const LINE: u32 = 1 << 8 | 1 << 4 | 1;
/// FIFO_INT: interrupts at more than 25 · 64 free bytes for transmission, and at more than 0 received frames.
const LEVELS: u32 = 25 << 24;
const _: () = assert!((LEVELS >> 24) * 64 >= ROOM);

/// Interrupts of INT_EN and INT_STS.
pub const PHY_EVENT: u32 = 1 << 18;
pub const TRANSMIT_ROOM: u32 = 1 << 9;
pub const FRAME_RECEIVED: u32 = 1 << 3;

/// MAC_CSR_CMD: busy, and reading.
const MAC_BUSY: u32 = 1 << 31;
const MAC_READ: u32 = 1 << 30;
/// Registers of the MAC (data sheet, 5.4).
const MAC_CONTROL: u32 = 1;
const ADDRESS_HIGH: u32 = 2;
const ADDRESS_LOW: u32 = 3;
const MII_ACCESS: u32 = 6;
const MII_DATA: u32 = 7;
/// MAC_CR: receive, transmit, both at once. Broadcasts are received, multicasts are not.
const MAC_RECEIVE: u32 = 1 << 2;
const MAC_TRANSMIT: u32 = 1 << 3;
const MAC_FULL_DUPLEX: u32 = 1 << 20;
/// MII_ACC: busy, and writing.
const MII_BUSY: u32 = 1;
const MII_WRITE: u32 = 1 << 1;

/// Statuses of both FIFOs: something went wrong.
const STATUS_ERROR: u32 = 1 << 15;
/// First command word of a frame: it is all in one buffer.
const WHOLE_FRAME: u32 = 1 << 13 | 1 << 12;

/// A chip that has been reset.
#[derive(Debug)]
pub struct Chip<R>(pub R);

impl<R: Registers> Chip<R> {
    /// Resets the chip, sets its address if one is given, and starts negotiation. Returns its address.
    pub fn start(&mut self, address: Option<[u8; 6]>, delay: &mut impl DelayNs) -> Result<[u8; 6], Error> {
        // An access, whatever it returns, wakes a sleeping chip.
        self.0.write(Register::ByteTest, 0);
        self.wait(Register::PowerManagement, READY, READY, delay).ok_or(Error::NotReady)?;
        self.0.write(Register::HardwareConfiguration, SOFTWARE_RESET);
        self.wait(Register::HardwareConfiguration, SOFTWARE_RESET, 0, delay).ok_or(Error::ResetTimedOut)?;
        self.wait(Register::PowerManagement, READY, READY, delay).ok_or(Error::NotReady)?;
        let test = self.0.read(Register::ByteTest);
        if test != BYTE_TEST {
            return Err(Error::NoChip(test));
        }
        let id = (self.0.read(Register::Identification) >> 16) as u16;
        if !FAMILY.contains(&id) {
            return Err(Error::UnknownChip(id));
        }

        self.0.write(Register::InterruptEnable, 0);
        self.0.write(Register::InterruptStatus, u32::MAX);
        self.0.write(Register::HardwareConfiguration, HARDWARE);
        self.0.write(Register::FifoLevels, LEVELS);
        self.0.write(Register::ReceiveConfiguration, 0);
        self.0.write(Register::TransmitConfiguration, TRANSMIT_ON);
        self.0.write(Register::InterruptConfiguration, LINE);

        if let Some([a, b, c, d, e, f]) = address {
            self.write_mac(ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]))?;
            self.write_mac(ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]))?;
        }
        let [a, b, c, d] = self.read_mac(ADDRESS_LOW)?.to_le_bytes();
        let [e, f, ..] = self.read_mac(ADDRESS_HIGH)?.to_le_bytes();

        self.write_phy(PhyRegister::Advertisement, phy::ALL_SPEEDS)?;
        self.write_phy(PhyRegister::InterruptMask, phy::LINK_CHANGES)?;
        self.write_phy(PhyRegister::BasicControl, phy::NEGOTIATE)?;
        self.write_mac(MAC_CONTROL, MAC_RECEIVE | MAC_TRANSMIT)?;
        Ok([a, b, c, d, e, f])
    }

    /// Whether the link is up; if so, the MAC is set to what was negotiated.
    pub fn link(&mut self) -> Result<bool, Error> {
        self.read_phy(PhyRegister::InterruptSource)?;
        // The first reading tells of a link that was down in between.
        self.read_phy(PhyRegister::BasicStatus)?;
        if self.read_phy(PhyRegister::BasicStatus)? & phy::LINK_UP == 0 {
            return Ok(false);
        }
        let advertised = self.read_phy(PhyRegister::Advertisement)?;
        let partner = self.read_phy(PhyRegister::PartnerAbility)?;
        let duplex = if phy::is_full_duplex(advertised, partner) { MAC_FULL_DUPLEX } else { 0 };
        self.write_mac(MAC_CONTROL, MAC_RECEIVE | MAC_TRANSMIT | duplex)?;
        Ok(true)
    }

    /// Takes a frame out of the receive FIFO: its length without the check sequence, `Err` if the chip or its length say that it is
    /// broken, `None` if there is none.
    pub fn receive(&mut self, frame: &mut [u8; LONGEST_FRAME + 6]) -> Option<Result<usize, ()>> {
        if self.0.read(Register::ReceiveFifo) >> 16 & 0xFF == 0 {
            return None;
        }
        let status = self.0.read(Register::ReceiveStatus);
        let length = (status >> 16 & 0x3FFF) as usize;
        let mut words = length.div_ceil(4);
        let good =
            status & STATUS_ERROR == 0 && (SHORTEST..=LONGEST_FRAME + CHECK_SEQUENCE).contains(&length);
        if good {
            let (chunks, _) = frame.as_chunks_mut::<4>();
            for chunk in chunks.iter_mut().take(words) {
                *chunk = self.0.read(Register::ReceiveData).to_le_bytes();
            }
            words = 0;
        }
        for _ in 0..words {
            self.0.read(Register::ReceiveData);
        }
        Some(if good { Ok(length - CHECK_SEQUENCE) } else { Err(()) })
    }

    /// Frames that were lost since the last call because the receive FIFO was full.
    pub fn dropped(&mut self) -> u32 {
        self.0.read(Register::ReceiveDropped)
    }

    /// Whether the longest frame fits into the transmit FIFO.
    pub fn has_room(&mut self) -> bool {
        self.0.read(Register::TransmitFifo) & 0xFFFF >= ROOM
    }

    /// Takes the statuses of transmitted frames out of their FIFO, and returns how many tell of an error.
    pub fn transmit_errors(&mut self) -> u32 {
        let count = self.0.read(Register::TransmitFifo) >> 16 & 0xFF;
        (0..count).fold(0, |errors, _| {
            errors + u32::from(self.0.read(Register::TransmitStatus) & STATUS_ERROR != 0)
        })
    }

    /// Puts a frame into the transmit FIFO, which has room for it. The chip pads it and adds the check sequence.
    pub fn transmit(&mut self, frame: &[u8]) {
        let length = frame.len() as u32 & 0x7FF;
        self.0.write(Register::TransmitData, WHOLE_FRAME | length);
        self.0.write(Register::TransmitData, length);
        let (words, rest) = frame.as_chunks::<4>();
        for word in words {
            self.0.write(Register::TransmitData, u32::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 4];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            self.0.write(Register::TransmitData, u32::from_le_bytes(word));
        }
    }

    fn wait(&mut self, register: Register, mask: u32, value: u32, delay: &mut impl DelayNs) -> Option<()> {
        for _ in 0..ATTEMPTS {
            if self.0.read(register) & mask == value {
                return Some(());
            }
            delay.delay_us(PERIOD);
        }
        None
    }

    /// The MAC answers within a few cycles of the bus.
    fn wait_for_mac(&mut self) -> Result<(), Error> {
        (0..ATTEMPTS)
            .any(|_| self.0.read(Register::MacCommand) & MAC_BUSY == 0)
            .then_some(())
            .ok_or(Error::MacTimedOut)
    }

    fn read_mac(&mut self, register: u32) -> Result<u32, Error> {
        self.wait_for_mac()?;
        self.0.write(Register::MacCommand, MAC_BUSY | MAC_READ | register);
        self.wait_for_mac()?;
        Ok(self.0.read(Register::MacData))
    }

    fn write_mac(&mut self, register: u32, value: u32) -> Result<(), Error> {
        self.wait_for_mac()?;
        self.0.write(Register::MacData, value);
        self.0.write(Register::MacCommand, MAC_BUSY | register);
        self.wait_for_mac()
    }

    /// The PHY answers within 64 bits at 2.5 MHz.
    fn wait_for_phy(&mut self) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if self.read_mac(MII_ACCESS)? & MII_BUSY == 0 {
                return Ok(());
            }
        }
        Err(Error::PhyTimedOut)
    }

    fn read_phy(&mut self, register: PhyRegister) -> Result<u32, Error> {
        self.wait_for_phy()?;
        self.write_mac(MII_ACCESS, phy::ADDRESS << 11 | (register as u32) << 6 | MII_BUSY)?;
        self.wait_for_phy()?;
        Ok(self.read_mac(MII_DATA)? & 0xFFFF)
    }

    fn write_phy(&mut self, register: PhyRegister, value: u32) -> Result<(), Error> {
        self.wait_for_phy()?;
        self.write_mac(MII_DATA, value)?;
        self.write_mac(MII_ACCESS, phy::ADDRESS << 11 | (register as u32) << 6 | MII_WRITE | MII_BUSY)?;
        self.wait_for_phy()
    }
}
