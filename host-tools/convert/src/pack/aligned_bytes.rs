//! Bytes at an address that blobs and arenas may have.

use std::fmt;

use dunlin_runtime::BLOB_ALIGNMENT;

const _: () = assert!(align_of::<u128>() == BLOB_ALIGNMENT);

/// An owned buffer that starts at a multiple of 16, as the runtime asks of blobs and arenas.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AlignedBytes {
    /// The last word may be longer than what is used of it; the rest is zero.
    words: Vec<u128>,
    length: usize,
}

impl AlignedBytes {
    /// `length` zeros: an arena.
    pub fn zeroed(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(size_of::<u128>())], length }
    }

    /// A copy of `bytes`.
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.as_mut_slice().copy_from_slice(bytes);
        copy
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.length]
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AlignedBytes({} bytes)", self.length)
    }
}
