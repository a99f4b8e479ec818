//! What the flash holds, in RAM: written by its driver, read in place by everybody else.

use core::cell::{Cell, RefCell};
use core::ops::Range;
use core::slice;

use super::FlashError;

/// How many parts may be read in place at once.
const MAPPED: usize = 4;

/// What the flash holds, in RAM. It keeps track of the parts that are read in place: the driver does not write them.
#[derive(Debug)]
pub struct FlashMemory<'m> {
    cells: &'m [Cell<u8>],
    uses: RefCell<Uses>,
    /// Whether a driver exists: the first one writes, others do not.
    driven: Cell<bool>,
}

#[derive(Debug)]
struct Uses {
    mapped: [Option<Range<usize>>; MAPPED],
    written: Option<Range<usize>>,
}

/// A part of the flash that is read in place. It stays as it is until this value is dropped.
#[derive(Debug)]
pub struct Mapped<'m> {
    memory: &'m FlashMemory<'m>,
    range: Range<usize>,
    use_index: usize,
}

/// A part that is being written. Nobody reads it in place.
pub(super) struct Written<'m> {
    cells: &'m [Cell<u8>],
    uses: &'m RefCell<Uses>,
}

impl<'m> FlashMemory<'m> {
    /// The flash in this memory.
    pub(super) fn new(memory: &'m mut [u8]) -> Self {
        let uses = Uses { mapped: [const { None }; MAPPED], written: None };
        let cells = Cell::from_mut(memory).as_slice_of_cells();
        FlashMemory { cells, uses: RefCell::new(uses), driven: Cell::new(false) }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no flash.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Reads `length` bytes from `offset` on in place.
    ///
    /// # Errors
    /// [`FlashError::OutOfBounds`], [`FlashError::InUse`] while they are being written, or [`FlashError::TooManyMapped`].
    pub fn map(&'m self, offset: u32, length: usize) -> Result<Mapped<'m>, FlashError> {
        let range = self.range(offset, length)?;
        let mut uses = self.uses.borrow_mut();
        if let Some(written) = uses.written.as_ref().filter(|written| overlap(written, &range)) {
            return Err(in_use(written));
        }
        let mut places = uses.mapped.iter_mut().enumerate();
        let (use_index, place) =
            places.find(|(_, place)| place.is_none()).ok_or(FlashError::TooManyMapped)?;
        *place = Some(range.clone());
        Ok(Mapped { memory: self, range, use_index })
    }

    /// `true` the first time, for the one driver that writes.
    pub(super) fn take_writing(&self) -> bool {
        !self.driven.replace(true)
    }

    /// The bytes from `offset` on.
    ///
    /// # Safety
    /// Nobody writes them while they are borrowed.
    pub(super) unsafe fn bytes(&self, offset: u32, length: usize) -> Result<&[u8], FlashError> {
        let cells = self.cells.get(self.range(offset, length)?).ok_or(FlashError::OutOfBounds)?;
        // SAFETY: cells are laid out as what they hold; the caller vouches for the rest.
        Ok(unsafe { slice::from_raw_parts(cells.as_ptr().cast(), cells.len()) })
    }

    /// Copies the bytes from `offset` on.
    pub(super) fn read(&self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let range = self.range(offset, bytes.len())?;
        let cells = self.cells.get(range).ok_or(FlashError::OutOfBounds)?;
        for (byte, cell) in bytes.iter_mut().zip(cells) {
            *byte = cell.get();
        }
        Ok(())
    }

    /// The bytes from `offset` on, to be written.
    pub(super) fn write(&self, offset: u32, length: usize) -> Result<Written<'_>, FlashError> {
        let range = self.range(offset, length)?;
        let cells = self.cells.get(range.clone()).ok_or(FlashError::OutOfBounds)?;
        let mut uses = self.uses.borrow_mut();
        let taken = uses.mapped.iter().flatten().chain(&uses.written).find(|other| overlap(other, &range));
        if let Some(taken) = taken {
            return Err(in_use(taken));
        }
        // The driver writes one part after the other.
        uses.written = Some(range);
        Ok(Written { cells, uses: &self.uses })
    }

    fn range(&self, offset: u32, length: usize) -> Result<Range<usize>, FlashError> {
        let start = offset as usize;
        let end = start.checked_add(length).filter(|end| *end <= self.cells.len());
        Ok(start..end.ok_or(FlashError::OutOfBounds)?)
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

fn in_use(range: &Range<usize>) -> FlashError {
    FlashError::InUse(range.start as u32, range.end as u32)
}

impl Mapped<'_> {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        let cells = self.memory.cells.get(self.range.clone()).unwrap_or_default();
        // SAFETY: cells are laid out as what they hold, and `FlashMemory::write` hands out none of these while this value lives:
        // its range stands in `uses.mapped`. All of it stays in one thread, as cells are not `Sync`.
        unsafe { slice::from_raw_parts(cells.as_ptr().cast(), cells.len()) }
    }
}

impl Drop for Mapped<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.memory.uses.borrow_mut().mapped.get_mut(self.use_index) {
            *place = None;
        }
    }
}

impl Written<'_> {
    /// The offset of the first byte that is not erased.
    pub fn find_written(&self) -> Option<usize> {
        self.cells.iter().position(|cell| cell.get() != 0xFF)
    }

    /// Sets the bytes from `offset` within this part on.
    pub fn set(&self, offset: usize, bytes: &[u8]) {
        for (cell, byte) in self.cells.iter().skip(offset).zip(bytes) {
            cell.set(*byte);
        }
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        self.uses.borrow_mut().written = None;
    }
}
