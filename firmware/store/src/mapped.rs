//! Slots read in place.

/// The bytes of a slot where they lie: memory-mapped flash, a mirror in RAM, a copy.
///
/// A board that maps its flash makes a value of this kind per slot. It may serve from it as long as the slot is not written;
/// the store never writes the active slot, and writes the other one only while a release is being installed.
pub trait MappedSlot {
    /// The slot from its start, which is a multiple of 16, to the end of its blob at least.
    fn bytes(&self) -> &[u8];
}

impl MappedSlot for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A copy of a slot's blob in memory, aligned as a blob has to be.
#[cfg(feature = "std")]
pub struct SlotImage {
    memory: std::vec::Vec<u8>,
    start: usize,
    length: usize,
}

#[cfg(feature = "std")]
impl SlotImage {
    /// Zeros, to be filled through [`bytes_mut`](Self::bytes_mut).
    pub fn zeroed(length: usize) -> Self {
        let memory = std::vec![0; length + 15];
        let start = memory.as_ptr().align_offset(16).min(15);
        SlotImage { memory, start, length }
    }

    /// The bytes, to be filled.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + self.length).unwrap_or_default()
    }
}

#[cfg(feature = "std")]
impl MappedSlot for SlotImage {
    fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.length).unwrap_or_default()
    }
}
