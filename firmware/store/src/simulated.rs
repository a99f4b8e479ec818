//! A NOR flash in memory that is cut, fails and wears out as told: for tests of everything that writes into one.
//!
//! ```
//! use dunlin_store::simulated::{Cut, SimulatedFlash, Tear, run};
//! use embedded_storage_async::nor_flash::NorFlash;
//!
//! let mut flash = SimulatedFlash::<4, 1024>::new(4096);
//! flash.cut(Cut { operation: 1, tear: Tear::After { bytes: 3 } });
//! run(flash.erase(0, 1024)).unwrap(); // operation 0
//! run(flash.write(8, &[1, 2, 3, 4])).unwrap_err(); // operation 1: three bytes arrive, then the power is gone
//! run(flash.erase(0, 1024)).unwrap_err();
//! flash.restart();
//! assert_eq!(flash.bytes()[8..12], [1, 2, 3, 0xFF]);
//! ```

mod explore;
mod faults;

use core::future::pending;
use std::vec::Vec;

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

pub use explore::{Density, cuts, poll, run};
pub use faults::{Cut, Fault, Tear};

/// A NOR flash that is written in units of `WRITE` bytes and erased in sectors of `ERASE` bytes.
///
/// Cloning is the snapshot from which each cut point starts. Everything is deterministic.
#[derive(Clone)]
pub struct SimulatedFlash<const WRITE: usize, const ERASE: usize> {
    bytes: Vec<u8>,
    /// State of each word.
    words: Vec<Word>,
    erasures: Vec<u32>,
    trace: Vec<Operation>,
    cut: Option<Cut>,
    powered: bool,
    faults: Vec<Fault>,
    violations: Vec<SimulatedError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Erased,
    Programmed,
    /// A write was cut in it, or an erasure: it may look erased and refuse a write all the same.
    Torn,
}

/// A write or an erasure that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Whether it erases.
    pub erases: bool,
    /// Offset of its first byte.
    pub offset: u32,
    /// Length in bytes.
    pub length: u32,
}

/// Why the simulated driver did not do what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimulatedError {
    /// The power is gone. Nothing works until [`SimulatedFlash::restart`].
    PowerCut,
    /// The driver reports that a write failed.
    Program,
    /// The driver reports that an erasure failed.
    Erase,
    /// A word was written twice without an erasure in between: a mistake of the caller.
    WrittenTwice(u32),
    /// Offset or length are no multiples of the unit: a mistake of the caller.
    NotAligned,
    /// Offset or length lie outside of the flash: a mistake of the caller.
    OutOfBounds,
}

impl<const WRITE: usize, const ERASE: usize> SimulatedFlash<WRITE, ERASE> {
    /// A new, erased flash of this many bytes, rounded down to whole sectors.
    pub fn new(capacity: usize) -> Self {
        let sectors = capacity / ERASE;
        SimulatedFlash {
            bytes: std::vec![0xFF; sectors * ERASE],
            words: std::vec![Word::Erased; sectors * ERASE / WRITE],
            erasures: std::vec![0; sectors],
            trace: Vec::new(),
            cut: None,
            powered: true,
            faults: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Cuts the power at this operation, counted from the last [`restart`](Self::restart) on.
    pub fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
    }

    /// Adds a lasting or passing fault.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Power comes back; operations are counted from 0 again.
    pub fn restart(&mut self) {
        self.powered = true;
        self.cut = None;
        self.trace.clear();
    }

    /// Whether the power is there.
    pub fn is_powered(&self) -> bool {
        self.powered
    }

    /// What a mapped flash shows.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Changes bytes behind the driver's back: old content, damage.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.words.fill(Word::Programmed);
        &mut self.bytes
    }

    /// The writes and erasures since the last restart, that which was cut included.
    pub fn trace(&self) -> &[Operation] {
        &self.trace
    }

    /// How often each sector was erased.
    pub fn erasures(&self) -> &[u32] {
        &self.erasures
    }

    /// What the caller did that no flash allows. Words that a cut tore, and that look erased, are not counted: nobody can know.
    pub fn violations(&self) -> &[SimulatedError] {
        &self.violations
    }

    fn check(&mut self, offset: u32, length: usize, unit: usize) -> Result<(), SimulatedError> {
        if !self.powered {
            return Err(SimulatedError::PowerCut);
        }
        let error = if !(offset as usize).is_multiple_of(unit) || !length.is_multiple_of(unit) {
            SimulatedError::NotAligned
        } else if offset as usize + length > self.bytes.len() {
            SimulatedError::OutOfBounds
        } else {
            return Ok(());
        };
        self.violations.push(error);
        Err(error)
    }

    /// Notes an operation; the tear if it is the one that is cut.
    fn begin(&mut self, erases: bool, offset: u32, length: usize) -> Option<Tear> {
        let number = self.trace.len();
        self.trace.push(Operation { erases, offset, length: length as u32 });
        self.cut.filter(|cut| cut.operation == number).map(|cut| {
            self.powered = false;
            cut.tear
        })
    }

    /// Whether a fault makes this operation fail.
    fn fails(&self, erases: bool, offset: u32, length: usize) -> bool {
        let number = self.trace.len() - 1;
        self.faults.iter().any(|fault| fault.fails(erases, number, offset, length))
    }

    /// Stuck bits show through whatever was done.
    fn stick(&mut self) {
        for fault in &self.faults {
            if let Fault::StuckBits { offset, ones, zeros } = *fault
                && let Some(byte) = self.bytes.get_mut(offset as usize)
            {
                *byte = (*byte | ones) & !zeros;
            }
        }
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for SimulatedFlash<WRITE, ERASE> {
    type Error = SimulatedError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for SimulatedFlash<WRITE, ERASE> {
    /// Drivers of serial flash read single bytes, others words: the stricter is simulated.
    const READ_SIZE: usize = WRITE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimulatedError> {
        self.check(offset, bytes.len(), Self::READ_SIZE)?;
        bytes.copy_from_slice(&self.bytes[offset as usize..offset as usize + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for SimulatedFlash<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), SimulatedError> {
        self.check(from, to.saturating_sub(from) as usize, ERASE)?;
        let length = (to - from) as usize;
        let tear = self.begin(true, from, length);
        let stalls = self.faults.contains(&Fault::Stall(self.trace.len() - 1));
        let failing = stalls || self.fails(true, from, length);
        let region = from as usize..to as usize;
        for (index, byte) in self.bytes[region.clone()].iter_mut().enumerate() {
            *byte |= match tear {
                None if failing => faults::half(index, length),
                None => 0xFF,
                Some(tear) => tear.mask(index, WRITE),
            };
        }
        let untouched = matches!(tear, Some(Tear::Before));
        let done = !failing && tear.is_none_or(|tear| tear.is_whole(length));
        if !untouched {
            let words = region.start / WRITE..region.end / WRITE;
            self.words[words].fill(if done { Word::Erased } else { Word::Torn });
            for sector in &mut self.erasures[region.start / ERASE..region.end / ERASE] {
                *sector += 1;
            }
        }
        self.stick();
        if stalls {
            pending::<()>().await;
        }
        match tear {
            Some(_) => Err(SimulatedError::PowerCut),
            None if failing => Err(SimulatedError::Erase),
            None => Ok(()),
        }
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimulatedError> {
        self.check(offset, bytes.len(), WRITE)?;
        let tear = self.begin(false, offset, bytes.len());
        let stalls = self.faults.contains(&Fault::Stall(self.trace.len() - 1));
        let mut failing = stalls || self.fails(false, offset, bytes.len());
        let start = offset as usize;
        for word in start / WRITE..(start + bytes.len()) / WRITE {
            let visible = self.bytes[word * WRITE..(word + 1) * WRITE].iter().any(|byte| *byte != 0xFF);
            match self.words[word] {
                Word::Erased => {}
                Word::Torn if !visible => failing = true,
                _ => {
                    let error = SimulatedError::WrittenTwice((word * WRITE) as u32);
                    self.violations.push(error);
                    return Err(error);
                }
            }
        }
        for (index, byte) in bytes.iter().enumerate() {
            let mask = match tear {
                None if failing => faults::half(index, bytes.len()),
                None => 0xFF,
                Some(tear) => tear.mask(index, WRITE),
            };
            self.bytes[start + index] &= byte | !mask;
        }
        for (index, word) in (start / WRITE..(start + bytes.len()) / WRITE).enumerate() {
            self.words[word] = match tear {
                None if failing => Word::Torn,
                None => Word::Programmed,
                Some(tear) => match tear.reaches(index * WRITE, WRITE) {
                    None => continue,
                    Some(true) => Word::Programmed,
                    Some(false) => Word::Torn,
                },
            };
        }
        self.stick();
        if stalls {
            pending::<()>().await;
        }
        match tear {
            Some(_) => Err(SimulatedError::PowerCut),
            None if failing => Err(SimulatedError::Program),
            None => Ok(()),
        }
    }
}

impl NorFlashError for SimulatedError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            SimulatedError::NotAligned => NorFlashErrorKind::NotAligned,
            SimulatedError::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            _ => NorFlashErrorKind::Other,
        }
    }
}

impl core::fmt::Display for SimulatedError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SimulatedError::PowerCut => write!(f, "the power is cut"),
            SimulatedError::Program => write!(f, "the flash could not write"),
            SimulatedError::Erase => write!(f, "the flash could not erase"),
            SimulatedError::WrittenTwice(offset) => write!(f, "the word at {offset} was written twice"),
            SimulatedError::NotAligned => write!(f, "offset or length are no multiple of the unit"),
            SimulatedError::OutOfBounds => write!(f, "offset or length lie outside of the flash"),
        }
    }
}

impl core::error::Error for SimulatedError {}
