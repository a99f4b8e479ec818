//! The driver of the sensor: whole samples over I2C.
//!
//! | register | what it holds |
//! |---|---|
//! | 0x00 | identity, 0xD7 |
//! | 0x01 | status: bit 0 is set when a sample is ready |
//! | 0x02 | length of a sample in bytes, 32 bits, little-endian |
//! | 0x10 | the sample: every reading goes on where the last one ended, and the last byte takes the sample out |

use core::fmt;

use embedded_hal::i2c::I2c;

/// The address of the sensor on its bus.
pub const ADDRESS: u8 = 0x2A;
/// What the register of the identity holds.
pub const IDENTITY: u8 = 0xD7;
/// Bit of the status: a sample is ready.
pub const READY: u8 = 1;

/// A register of the sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Register {
    /// What it is.
    Identity = 0x00,
    /// Whether a sample is ready.
    Status = 0x01,
    /// How long a sample is.
    Length = 0x02,
    /// The sample.
    Data = 0x10,
}

/// The sensor on a bus.
#[derive(Debug)]
pub struct Sensor<B> {
    bus: B,
    sample_bytes: usize,
}

/// Why no sample was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SensorError<E> {
    /// The bus failed.
    Bus(E),
    /// Something else answers at the address of the sensor; this is its identity.
    WrongIdentity(u8),
    /// A sample has this many bytes, another length than what is to be filled.
    WrongLength(usize),
}

impl<B: I2c> Sensor<B> {
    /// Finds the sensor and asks how long its samples are.
    ///
    /// # Errors
    /// [`SensorError::Bus`] or [`SensorError::WrongIdentity`].
    pub fn new(mut bus: B) -> Result<Self, SensorError<B::Error>> {
        let [identity] = read(&mut bus, Register::Identity)?;
        if identity != IDENTITY {
            return Err(SensorError::WrongIdentity(identity));
        }
        let sample_bytes = u32::from_le_bytes(read(&mut bus, Register::Length)?) as usize;
        Ok(Sensor { bus, sample_bytes })
    }

    /// Length of a sample in bytes.
    pub fn sample_bytes(&self) -> usize {
        self.sample_bytes
    }

    /// Whether a sample is ready.
    ///
    /// # Errors
    /// [`SensorError::Bus`].
    pub fn is_ready(&mut self) -> Result<bool, SensorError<B::Error>> {
        let [status] = read(&mut self.bus, Register::Status)?;
        Ok(status & READY != 0)
    }

    /// Reads the sample that is ready.
    ///
    /// # Errors
    /// [`SensorError::Bus`] or [`SensorError::WrongLength`].
    pub fn read(&mut self, sample: &mut [u8]) -> Result<(), SensorError<B::Error>> {
        if sample.len() != self.sample_bytes {
            return Err(SensorError::WrongLength(self.sample_bytes));
        }
        self.bus.write_read(ADDRESS, &[Register::Data as u8], sample).map_err(SensorError::Bus)
    }
}

fn read<B: I2c, const N: usize>(bus: &mut B, register: Register) -> Result<[u8; N], SensorError<B::Error>> {
    let mut bytes = [0; N];
    bus.write_read(ADDRESS, &[register as u8], &mut bytes).map_err(SensorError::Bus)?;
    Ok(bytes)
}

impl<E: fmt::Debug> fmt::Display for SensorError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SensorError::Bus(error) => write!(f, "the bus of the sensor failed: {error:?}"),
            SensorError::WrongIdentity(found) => {
                write!(f, "at the address of the sensor is something else, of identity {found:#04x}")
            }
            SensorError::WrongLength(bytes) => {
                write!(f, "a sample of the sensor has {bytes} bytes: use a model with such an input")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SensorError<E> {}
