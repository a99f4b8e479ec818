//! Bytes at an address that blobs and arenas may have.

use std::fmt;

use bytemuck::Pod;
use dunlin_runtime::BLOB_ALIGNMENT;

/// Records that room is made for at once.
const RECORDS: usize = 256;

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

    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, additional: usize) {
        self.words.reserve(additional.div_ceil(size_of::<u128>()));
    }

    /// Cuts the bytes off behind `length`, or adds zeros up to there.
    pub fn resize(&mut self, length: usize) {
        if length < self.length {
            self.as_mut_slice()[length..].fill(0);
        }
        self.words.resize(length.div_ceil(size_of::<u128>()), 0);
        self.length = length;
    }

    /// Adds the bytes of records to the end.
    pub(super) fn extend<T: Pod>(&mut self, records: impl IntoIterator<Item = T>) {
        let mut records = records.into_iter();
        loop {
            let start = self.length;
            self.resize(start + RECORDS * size_of::<T>());
            let places = self.as_mut_slice()[start..].chunks_exact_mut(size_of::<T>());
            let written = places.zip(&mut records).map(|(place, record)| {
                place.copy_from_slice(bytemuck::bytes_of(&record));
            });
            let written = written.count();
            self.resize(start + written * size_of::<T>());
            if written < RECORDS {
                return;
            }
        }
    }

    /// Adds bytes to the end.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let start = self.length;
        self.resize(start + bytes.len());
        self.as_mut_slice()[start..].copy_from_slice(bytes);
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
