//! A sensor on an I2C bus that replays a file of the host: the chip that the driver in `sensor` finds.

use core::ffi::CStr;
use core::fmt;

use embassy_time::{Duration, Instant};
use embedded_hal::i2c::{Error, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use semihosting::fs::File;
use semihosting::io::{self, Read, Seek, SeekFrom};

use crate::sensor::{ADDRESS, IDENTITY, READY, Register};

/// A bus with the sensor on it. Samples follow each other in the file; after the last one comes the first.
#[derive(Debug)]
pub struct EmulatedSensor {
    file: File,
    sample_bytes: u32,
    samples: u32,
    /// The sample that is ready or comes next, and how much of it was read.
    sample: u32,
    read: u32,
    /// When it is ready.
    ready_at: Instant,
    period: Duration,
    register: u8,
}

/// What went wrong on the bus, or inside the emulated sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmulatedSensorError {
    /// Nothing is at this address.
    NoDevice(u8),
    /// The sensor has no such register, or it cannot be written.
    NoRegister(u8),
    /// No sample is ready.
    NotReady,
    /// The file has this many bytes, which are no whole samples.
    PartialSamples(u64),
    /// The host refused an access to the file.
    File(io::ErrorKind),
}

impl EmulatedSensor {
    /// A sensor that has a sample of `sample_bytes` every `period`.
    ///
    /// # Errors
    /// [`EmulatedSensorError::File`] or [`EmulatedSensorError::PartialSamples`].
    pub fn open(name: &CStr, sample_bytes: u32, period: Duration) -> Result<Self, EmulatedSensorError> {
        let file = File::open(name)?;
        let bytes = file.metadata()?.len();
        let whole = bytes.checked_rem(sample_bytes.into()) == Some(0);
        let samples = bytes.checked_div(sample_bytes.into()).and_then(|samples| u32::try_from(samples).ok());
        let samples = samples.filter(|samples| whole && *samples > 0);
        let samples = samples.ok_or(EmulatedSensorError::PartialSamples(bytes))?;
        let ready_at = Instant::now() + period;
        Ok(EmulatedSensor { file, sample_bytes, samples, sample: 0, read: 0, ready_at, period, register: 0 })
    }

    fn is_ready(&self) -> bool {
        Instant::now() >= self.ready_at
    }

    fn read_data(&mut self, bytes: &mut [u8]) -> Result<(), EmulatedSensorError> {
        if !self.is_ready() || bytes.len() > (self.sample_bytes - self.read) as usize {
            return Err(EmulatedSensorError::NotReady);
        }
        let offset = u64::from(self.sample) * u64::from(self.sample_bytes) + u64::from(self.read);
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(bytes)?;
        self.read += bytes.len() as u32;
        if self.read == self.sample_bytes {
            self.read = 0;
            self.sample = if self.sample + 1 < self.samples { self.sample + 1 } else { 0 };
            // A sensor that is read too late has lost the samples in between.
            while self.is_ready() {
                self.ready_at += self.period.max(Duration::from_ticks(1));
            }
        }
        Ok(())
    }

    fn read_register(&mut self, bytes: &mut [u8]) -> Result<(), EmulatedSensorError> {
        const IDENTITY_REGISTER: u8 = Register::Identity as u8;
        const STATUS: u8 = Register::Status as u8;
        const LENGTH: u8 = Register::Length as u8;
        const DATA: u8 = Register::Data as u8;
        let value = match self.register {
            IDENTITY_REGISTER => [IDENTITY, 0, 0, 0],
            STATUS => [if self.is_ready() { READY } else { 0 }, 0, 0, 0],
            LENGTH => self.sample_bytes.to_le_bytes(),
            DATA => return self.read_data(bytes),
            other => return Err(EmulatedSensorError::NoRegister(other)),
        };
        for (byte, value) in bytes.iter_mut().zip(value) {
            *byte = value;
        }
        Ok(())
    }
}

impl ErrorType for EmulatedSensor {
    type Error = EmulatedSensorError;
}

impl I2c for EmulatedSensor {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), EmulatedSensorError> {
        if address != ADDRESS {
            return Err(EmulatedSensorError::NoDevice(address));
        }
        for operation in operations {
            match operation {
                Operation::Write([register]) => self.register = *register,
                Operation::Write(_) => return Err(EmulatedSensorError::NoRegister(self.register)),
                Operation::Read(bytes) => self.read_register(bytes)?,
            }
        }
        Ok(())
    }
}

impl From<io::Error> for EmulatedSensorError {
    fn from(error: io::Error) -> Self {
        EmulatedSensorError::File(error.kind())
    }
}

impl Error for EmulatedSensorError {
    fn kind(&self) -> ErrorKind {
        match self {
            EmulatedSensorError::NoDevice(_) => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            EmulatedSensorError::NoRegister(_) => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data),
            _ => ErrorKind::Other,
        }
    }
}

impl fmt::Display for EmulatedSensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmulatedSensorError::NoDevice(address) => {
                write!(f, "nothing is at address {address:#04x} of the bus")
            }
            EmulatedSensorError::NoRegister(register) => {
                write!(f, "the sensor has no register {register:#04x}, or none that can be written")
            }
            EmulatedSensorError::NotReady => f.write_str("the sensor has no sample ready"),
            EmulatedSensorError::PartialSamples(bytes) => {
                write!(f, "the file of the sensor has {bytes} bytes, which are no whole samples")
            }
            EmulatedSensorError::File(kind) => {
                write!(f, "the host refused an access to the file of the sensor: {kind:?}")
            }
        }
    }
}

impl core::error::Error for EmulatedSensorError {}
