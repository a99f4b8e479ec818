use core::fmt;

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};
use semihosting::io::ErrorKind;

/// Why the flash did not do what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlashError {
    /// Offset or length are no multiples of the unit.
    NotAligned,
    /// Offset or length lie outside of the flash.
    OutOfBounds,
    /// The bytes at this offset are not erased.
    NotErased(u32),
    /// These bytes, from the first offset to before the second, are being read in place or being written.
    InUse(u32, u32),
    /// Another driver writes this flash.
    SecondDriver,
    /// More parts are being read in place than are kept track of.
    TooManyMapped,
    /// The file has this many bytes, more than the flash.
    TooLong(u64),
    /// The host refused an access to the file.
    File(ErrorKind),
}

impl From<semihosting::io::Error> for FlashError {
    fn from(error: semihosting::io::Error) -> Self {
        FlashError::File(error.kind())
    }
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            FlashError::NotAligned => NorFlashErrorKind::NotAligned,
            FlashError::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlashError::NotAligned => {
                f.write_str("offset or length are no multiples of the unit of the flash")
            }
            FlashError::OutOfBounds => f.write_str("offset or length lie outside of the flash"),
            FlashError::NotErased(offset) => {
                write!(f, "the flash at {offset:#x} is not erased: erase it first")
            }
            FlashError::InUse(from, to) => {
                write!(f, "the flash from {from:#x} to {to:#x} is in use: release it first")
            }
            FlashError::SecondDriver => f.write_str("another driver writes the flash: use that one"),
            FlashError::TooManyMapped => f.write_str("too many parts of the flash are read in place"),
            FlashError::TooLong(bytes) => {
                write!(f, "the file of the flash has {bytes} bytes, more than the flash: take another file")
            }
            FlashError::File(kind) => {
                write!(f, "the host refused an access to the file of the flash: {kind:?}")
            }
        }
    }
}

impl core::error::Error for FlashError {}
