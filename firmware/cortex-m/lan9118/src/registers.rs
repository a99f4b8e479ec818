//! The registers, and how they are reached.

use core::ptr::NonNull;

/// A register of the chip by its offset in bytes (data sheet, 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Register {
    /// RX_DATA_FIFO_PORT.
    ReceiveData = 0x00,
    /// TX_DATA_FIFO_PORT.
    TransmitData = 0x20,
    /// RX_STATUS_FIFO_PORT: reading takes a status out.
    ReceiveStatus = 0x40,
    /// TX_STATUS_FIFO_PORT: reading takes a status out.
    TransmitStatus = 0x48,
    /// ID_REV.
    Identification = 0x50,
    /// IRQ_CFG.
    InterruptConfiguration = 0x54,
    /// INT_STS: a one that is written clears its bit.
    InterruptStatus = 0x58,
    /// INT_EN.
    InterruptEnable = 0x5C,
    /// BYTE_TEST.
    ByteTest = 0x64,
    /// FIFO_INT.
    FifoLevels = 0x68,
    /// RX_CFG.
    ReceiveConfiguration = 0x6C,
    /// TX_CFG.
    TransmitConfiguration = 0x70,
    /// HW_CFG.
    HardwareConfiguration = 0x74,
    /// RX_FIFO_INF.
    ReceiveFifo = 0x7C,
    /// TX_FIFO_INF.
    TransmitFifo = 0x80,
    /// PMT_CTRL.
    PowerManagement = 0x84,
    /// RX_DROP: frames lost since the last reading.
    ReceiveDropped = 0xA0,
    /// MAC_CSR_CMD.
    MacCommand = 0xA4,
    /// MAC_CSR_DATA.
    MacData = 0xA8,
}

/// Access to the registers of one chip.
pub trait Registers {
    /// Reads a register.
    fn read(&mut self, register: Register) -> u32;
    /// Writes a register.
    fn write(&mut self, register: Register, value: u32);
}

/// Registers in the address space of the processor.
#[derive(Debug)]
pub struct MappedRegisters(NonNull<u32>);

impl MappedRegisters {
    /// The registers of the chip at `base`.
    ///
    /// # Safety
    /// A LAN9118 is at `base`, a multiple of 4: 256 bytes that may be read and written in words as long as the value lives.
    pub const unsafe fn new(base: NonNull<u32>) -> Self {
        MappedRegisters(base)
    }

    fn address(&self, register: Register) -> *mut u32 {
        self.0.as_ptr().wrapping_byte_add(register as usize)
    }
}

impl Registers for MappedRegisters {
    fn read(&mut self, register: Register) -> u32 {
        // SAFETY: the caller of `new` promised that the registers are there.
        unsafe { self.address(register).read_volatile() }
    }

    fn write(&mut self, register: Register, value: u32) {
        // SAFETY: the caller of `new` promised that the registers are there.
        unsafe { self.address(register).write_volatile(value) }
    }
}

// SAFETY: the address means the same in every context, and an access is one instruction.
unsafe impl Send for MappedRegisters {}
