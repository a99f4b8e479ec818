//! The driver: NOR flash over a file of the host.

use core::ffi::CStr;

use embassy_futures::yield_now;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use embedded_storage_async::nor_flash::{NorFlash as AsyncNorFlash, ReadNorFlash as AsyncReadNorFlash};
use semihosting::fs::File;
use semihosting::io::{Read, Seek, SeekFrom, Write};

use super::memory::Written;
use super::{FlashError, FlashMemory};

/// Unit of writing in bytes.
const UNIT: usize = 8;
/// Length of an erase sector in bytes.
const SECTOR: usize = 4096;
/// What is written to the file at once, in bytes: when the emulator is killed, the rest is missing.
const WRITE_PIECE: usize = UNIT;
/// What is erased in the file at once, in bytes.
const ERASE_PIECE: usize = 256;
/// What the asynchronous driver writes before others run, in bytes.
const SLICE: usize = 1024;

/// NOR flash over a file of the host: written in units of 8 bytes, once each, and erased in sectors of 4 KiB.
#[derive(Debug)]
pub struct Flash<'m> {
    file: File,
    memory: &'m FlashMemory<'m>,
    writes: bool,
}

impl<'m> FlashMemory<'m> {
    /// Opens the flash in the file `name`: as long as `memory`, into which it is read. What the file lacks, up to all of it, is added
    /// erased, as a new chip is. The second value goes to [`Flash::new`].
    ///
    /// # Errors
    /// [`FlashError::TooLong`], [`FlashError::NotAligned`] if the memory is no whole number of sectors, or [`FlashError::File`].
    pub fn open(name: &CStr, memory: &'m mut [u8]) -> Result<(Self, File), FlashError> {
        if !memory.len().is_multiple_of(SECTOR) {
            return Err(FlashError::NotAligned);
        }
        let existing = File::options().read(true).write(true).open(name);
        let mut file = match existing {
            Ok(file) => file,
            Err(_) => File::options().read(true).write(true).create(true).truncate(true).open(name)?,
        };
        let bytes = file.metadata()?.len();
        let (found, missing) = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| memory.split_at_mut_checked(bytes))
            .ok_or(FlashError::TooLong(bytes))?;
        file.read_exact(found)?;
        missing.fill(0xFF);
        file.seek(SeekFrom::Start(bytes))?;
        file.write_all(missing)?;
        Ok((FlashMemory::new(memory), file))
    }
}

impl<'m> Flash<'m> {
    /// The driver of what [`FlashMemory::open`] has opened. A second one for the same memory only reads.
    pub fn new(memory: &'m FlashMemory<'m>, file: File) -> Self {
        Flash { file, memory, writes: memory.take_writing() }
    }

    /// The bytes from `offset` on, in place. Nothing is written while they are borrowed.
    ///
    /// # Errors
    /// [`FlashError::OutOfBounds`], or [`FlashError::SecondDriver`] of a driver that does not write, as another one does.
    pub fn bytes(&self, offset: u32, length: usize) -> Result<&[u8], FlashError> {
        if !self.writes {
            return Err(FlashError::SecondDriver);
        }
        // SAFETY: only this driver writes, and not while it is borrowed.
        unsafe { self.memory.bytes(offset, length) }
    }

    fn check(&self, offset: u32, length: usize, unit: usize) -> Result<(), FlashError> {
        if !self.writes {
            return Err(FlashError::SecondDriver);
        }
        if !(offset as usize).is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(FlashError::NotAligned);
        }
        if (offset as usize).checked_add(length).is_none_or(|end| end > self.memory.len()) {
            return Err(FlashError::OutOfBounds);
        }
        Ok(())
    }

    /// Begins to write bytes that are erased.
    fn begin_write(&mut self, offset: u32, length: usize) -> Result<Written<'m>, FlashError> {
        self.check(offset, length, UNIT)?;
        let part = self.memory.write(offset, length)?;
        if let Some(index) = part.find_written() {
            return Err(FlashError::NotErased(offset + index as u32));
        }
        Ok(part)
    }

    /// Begins to erase sectors, and says how long they are.
    fn begin_erase(&mut self, from: u32, to: u32) -> Result<(Written<'m>, usize), FlashError> {
        let length = to.checked_sub(from).ok_or(FlashError::OutOfBounds)? as usize;
        self.check(from, length, SECTOR)?;
        Ok((self.memory.write(from, length)?, length))
    }

    /// Writes bytes from `start` within the part at `offset` on, in pieces.
    fn put(
        &mut self,
        part: &Written<'_>,
        offset: u32,
        start: usize,
        bytes: &[u8],
        piece: usize,
    ) -> Result<(), FlashError> {
        self.file.seek(SeekFrom::Start(u64::from(offset) + start as u64))?;
        let mut start = start;
        for piece in bytes.chunks(piece) {
            self.file.write_all(piece)?;
            part.set(start, piece);
            start += piece.len();
        }
        Ok(())
    }
}

impl ErrorType for Flash<'_> {
    type Error = FlashError;
}

impl ReadNorFlash for Flash<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.memory.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.memory.len()
    }
}

impl NorFlash for Flash<'_> {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let (part, length) = self.begin_erase(from, to)?;
        for start in (0..length).step_by(ERASE_PIECE) {
            self.put(&part, from, start, &[0xFF; ERASE_PIECE], ERASE_PIECE)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let part = self.begin_write(offset, bytes.len())?;
        self.put(&part, offset, 0, bytes, WRITE_PIECE)
    }
}

impl AsyncReadNorFlash for Flash<'_> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.memory.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.memory.len()
    }
}

impl AsyncNorFlash for Flash<'_> {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let (part, length) = self.begin_erase(from, to)?;
        for start in (0..length).step_by(ERASE_PIECE) {
            self.put(&part, from, start, &[0xFF; ERASE_PIECE], ERASE_PIECE)?;
            if start.is_multiple_of(SECTOR) {
                yield_now().await;
            }
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let part = self.begin_write(offset, bytes.len())?;
        for (index, slice) in bytes.chunks(SLICE).enumerate() {
            self.put(&part, offset, index * SLICE, slice, WRITE_PIECE)?;
            yield_now().await;
        }
        Ok(())
    }
}
