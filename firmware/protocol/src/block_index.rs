//! The block index: a hash of each block, by which blocks are checked, resumed and reused.

use core::fmt;
use core::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::bytes::{ContentId, Digest};
use crate::message::{BlockRequest, BlockSize, Part};

/// Bytes of a hash in the index.
pub const BLOCK_HASH_BYTES: usize = 16;

/// The first 16 bytes of SHA-256 of a block.
pub type BlockHash = [u8; BLOCK_HASH_BYTES];

/// The hash of a block.
pub fn block_hash(block: &[u8]) -> BlockHash {
    Digest(Sha256::digest(block).into()).first()
}

/// How a blob and its index are cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Length of the blob.
    pub blob_bytes: u32,
    /// Length of all blocks but the last one.
    pub block: BlockSize,
}

impl Geometry {
    /// Length of a part, in bytes.
    pub const fn part_bytes(&self, part: Part) -> u32 {
        match part {
            Part::Blob => self.blob_bytes,
            // A 64th of the blob at most.
            Part::Index => self.blob_bytes.div_ceil(self.block.bytes()) * BLOCK_HASH_BYTES as u32,
        }
    }

    /// Number of blocks of a part.
    pub const fn blocks(&self, part: Part) -> u32 {
        self.part_bytes(part).div_ceil(self.block.bytes())
    }

    /// Where a block lies in its part. `None` if the part has fewer.
    pub fn range(&self, part: Part, number: u32) -> Option<Range<u32>> {
        let start = number.checked_mul(self.block.bytes())?;
        let bytes = self.part_bytes(part);
        (start < bytes).then(|| start..start.saturating_add(self.block.bytes()).min(bytes))
    }

    /// What a slot must hold: the blob in whole blocks, and the index.
    pub const fn slot_bytes(&self) -> u64 {
        self.blocks(Part::Blob) as u64 * self.block.bytes() as u64 + self.part_bytes(Part::Index) as u64
    }

    /// What to ask for next of a part of `content`: a window from the first missing block on, with at most
    /// `most` blocks. `None` if none is missing.
    pub fn request(
        &self,
        part: Part,
        content: ContentId,
        most: u32,
        mut is_missing: impl FnMut(u32) -> bool,
    ) -> Option<BlockRequest> {
        let blocks = self.blocks(part);
        let first = (0..blocks).find(|&number| is_missing(number))?;
        let mut window = 1;
        for bit in 1..u32::BITS.min(blocks - first) {
            if u32::count_ones(window) >= most {
                break;
            }
            if is_missing(first + bit) {
                window |= 1 << bit;
            }
        }
        Some(BlockRequest { content, part, first, window })
    }
}

/// Writes the index of a blob to the front of `buffer` and returns it. `None` if the buffer is shorter than the index.
pub fn write_index<'b>(blob: &[u8], block: BlockSize, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = blob.len().div_ceil(block.bytes() as usize).checked_mul(BLOCK_HASH_BYTES)?;
    let index = buffer.get_mut(..length)?;
    for (entry, block) in index.chunks_exact_mut(BLOCK_HASH_BYTES).zip(blob.chunks(block.bytes() as usize)) {
        for (to, from) in entry.iter_mut().zip(block_hash(block)) {
            *to = from;
        }
    }
    Some(index)
}

/// An index that has the digest of its release.
#[derive(Debug, Clone, Copy)]
pub struct BlockIndex<'a> {
    geometry: Geometry,
    content: ContentId,
    hashes: &'a [BlockHash],
}

impl<'a> BlockIndex<'a> {
    /// Checks an index against its release.
    ///
    /// # Errors
    /// If its length or digest is another one.
    pub fn open(geometry: Geometry, digest: &Digest, bytes: &'a [u8]) -> Result<BlockIndex<'a>, IndexError> {
        let expected = geometry.part_bytes(Part::Index);
        let (hashes, _) = bytes.as_chunks();
        if bytes.len() != expected as usize {
            return Err(IndexError::Length { found: bytes.len(), expected });
        }
        if Digest::of(bytes) != *digest {
            return Err(IndexError::Digest);
        }
        Ok(BlockIndex { geometry, content: digest.content(), hashes })
    }

    /// How the blob is cut.
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The hash that block `number` must have.
    pub fn hash(&self, number: u32) -> Option<&'a BlockHash> {
        self.hashes.get(number as usize)
    }

    /// Whether `bytes` are block `number`, in length and content.
    pub fn is_block(&self, number: u32, bytes: &[u8]) -> bool {
        let length = self.geometry.range(Part::Blob, number).map(|range| range.len());
        length == Some(bytes.len()) && self.hash(number) == Some(&block_hash(bytes))
    }

    /// Whether `slot`, which begins where the blob does, holds block `number`.
    pub fn is_held(&self, number: u32, slot: &[u8]) -> bool {
        self.geometry
            .range(Part::Blob, number)
            .and_then(|range| slot.get(range.start as usize..range.end as usize))
            .is_some_and(|bytes| self.is_block(number, bytes))
    }

    /// Where `other`, cut alike, has a block of the same content, at any place.
    ///
    /// Its bytes are to be compared by [`BlockIndex::is_block`] when they are copied: an index says what a slot should hold.
    pub fn find_in(&self, number: u32, other: &BlockIndex<'_>) -> Option<u32> {
        if self.geometry.block != other.geometry.block {
            return None;
        }
        let hash = self.hash(number)?;
        let place = other.hashes.iter().position(|candidate| candidate == hash)?;
        u32::try_from(place).ok()
    }

    /// What to ask for next: a window from the first missing block on, with at most `most` blocks. `None` if none is missing.
    pub fn request(&self, most: u32, is_missing: impl FnMut(u32) -> bool) -> Option<BlockRequest> {
        self.geometry.request(Part::Blob, self.content, most, is_missing)
    }
}

/// Why a block index was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexError {
    /// It is not as long as the release says, in bytes.
    Length {
        /// Length that it has.
        found: usize,
        /// Length that it should have.
        expected: u32,
    },
    /// It does not have the digest of the release.
    Digest,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexError::Length { found, expected } => {
                write!(f, "the block index has {found} bytes, the release says {expected}")
            }
            IndexError::Digest => write!(f, "the block index does not have the digest of the release"),
        }
    }
}

impl core::error::Error for IndexError {}
