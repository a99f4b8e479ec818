//! Bytes at an address that blobs and arenas may have.

use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

/// 16 bytes at a multiple of 16.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct Line([u8; 16]);

/// A buffer that starts at a multiple of 16.
#[derive(Clone)]
pub struct AlignedBytes {
    lines: Vec<Line>,
    length: usize,
}

impl AlignedBytes {
    /// `length` bytes of one value.
    pub fn filled(length: usize, value: u8) -> Self {
        Self { lines: vec![Line([value; 16]); length.div_ceil(16)], length }
    }

    /// A copy of `bytes`.
    pub fn copy(bytes: &[u8]) -> Self {
        let mut copy = Self::filled(bytes.len(), 0);
        copy.copy_from_slice(bytes);
        copy
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::must_cast_slice(&self.lines)[..self.length]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::must_cast_slice_mut(&mut self.lines)[..self.length]
    }
}
