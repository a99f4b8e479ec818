//! Model slots: where block and index lie, and what the blocks should be.

mod digest;
mod install;

use embedded_storage_async::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

use crate::{
    Error, Layout, Model, Region, SlotId,
    flash::{self, CHUNK, round_up},
};

pub use digest::SlotDigest;
pub use install::{Install, Progress, Received};

/// Length of a block's hash in the index: the first bytes of its SHA-256.
pub(crate) const HASH_BYTES: u32 = 16;

/// Length of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockSize {
    /// 1,024 bytes.
    OneKibibyte,
    /// 2,048 bytes.
    TwoKibibytes,
    /// 4,096 bytes.
    FourKibibytes,
}

impl BlockSize {
    /// The block size of this many bytes.
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            1024 => Some(BlockSize::OneKibibyte),
            2048 => Some(BlockSize::TwoKibibytes),
            4096 => Some(BlockSize::FourKibibytes),
            _ => None,
        }
    }

    /// Length in bytes.
    pub const fn bytes(self) -> u32 {
        1 << self.shift()
    }

    pub(crate) const fn shift(self) -> u32 {
        match self {
            BlockSize::OneKibibyte => 10,
            BlockSize::TwoKibibytes => 11,
            BlockSize::FourKibibytes => 12,
        }
    }

    pub(crate) const fn from_shift(shift: u8) -> Option<Self> {
        match shift {
            10 => Some(BlockSize::OneKibibyte),
            11 => Some(BlockSize::TwoKibibytes),
            12 => Some(BlockSize::FourKibibytes),
            _ => None,
        }
    }
}

/// Where a blob and its index lie in a slot: the blob from the start, the index in the last whole erase sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) slot: SlotId,
    pub(crate) blob: Region,
    pub(crate) index: Region,
    pub(crate) block_size: BlockSize,
    /// Where the erase sectors of the index begin.
    pub(crate) index_sectors: Region,
}

impl Place {
    pub(crate) fn new<E>(layout: &Layout, slot: SlotId, model: &Model) -> Result<Self, Error<E>> {
        let region = layout.slot(slot);
        let erase = layout.erase_bytes();
        let length = model.length;
        let blocks = round_up(length, model.block_size.bytes()) >> model.block_size.shift();
        let index_bytes = blocks.saturating_mul(HASH_BYTES);
        let index_sectors = round_up(index_bytes, erase);
        let needed = u64::from(round_up(length, erase)) + u64::from(index_sectors);
        if needed > u64::from(region.length) || length == 0 {
            return Err(Error::BlobTooLarge { needed, available: region.length });
        }
        let start = region.end() - index_sectors;
        Ok(Place {
            slot,
            blob: Region { start: region.start, length },
            index: Region { start, length: index_bytes },
            block_size: model.block_size,
            index_sectors: Region { start, length: index_sectors },
        })
    }

    /// How many blocks the blob has.
    pub(crate) fn blocks(&self) -> u32 {
        self.index.length / HASH_BYTES
    }

    /// Where a block lies. The last one may be shorter; there is none behind it.
    pub(crate) fn block(&self, number: u32) -> Option<Region> {
        let offset = number.checked_mul(self.block_size.bytes())?;
        let left = self.blob.length.checked_sub(offset).filter(|left| *left != 0)?;
        Some(Region { start: self.blob.start + offset, length: left.min(self.block_size.bytes()) })
    }

    /// What the index says of a block.
    pub(crate) async fn hash<F: NorFlash>(
        &self,
        flash: &mut F,
        number: u32,
    ) -> Result<[u8; HASH_BYTES as usize], Error<F::Error>> {
        let mut hash = [0; HASH_BYTES as usize];
        flash::read(flash, self.index.start + number * HASH_BYTES, &mut hash).await?;
        Ok(hash)
    }
}

/// What hashing a block has shown.
pub(crate) struct Surveyed {
    pub(crate) hash: [u8; HASH_BYTES as usize],
    /// Whether nothing is written there.
    pub(crate) blank: bool,
}

/// Hashes what is in the flash.
pub(crate) async fn survey<F: NorFlash>(flash: &mut F, region: Region) -> Result<Surveyed, Error<F::Error>> {
    let mut sha = Sha256::new();
    let mut blank = true;
    let mut chunk = [0; CHUNK];
    let mut offset = region.start;
    while offset < region.end() {
        let count = ((region.end() - offset) as usize).min(CHUNK);
        let Some(part) = chunk.get_mut(..count) else { break };
        flash::read(flash, offset, part).await?;
        blank &= part.iter().all(|byte| *byte == 0xFF);
        sha.update(&*part);
        offset += count as u32;
    }
    Ok(Surveyed { hash: truncate(&sha.finalize().into()), blank })
}

/// The hash of a block as it stands in the index.
pub(crate) fn block_hash(bytes: &[u8]) -> [u8; HASH_BYTES as usize] {
    truncate(&Sha256::digest(bytes).into())
}

fn truncate(digest: &[u8; 32]) -> [u8; HASH_BYTES as usize] {
    let mut hash = [0; HASH_BYTES as usize];
    for (to, from) in hash.iter_mut().zip(digest) {
        *to = *from;
    }
    hash
}
