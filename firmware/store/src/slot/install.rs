//! Brings a release into the inactive slot, step by step.
//!
//! Nothing but the release is remembered of an installation. After a start the index in the slot is hashed against the release,
//! then each block against the index: what is good stays, wherever a cut came.
//!
//! Blocks are taken in windows of 64. Blocks that share an erase sector are a *group*: when one of them is neither good nor
//! blank, or all are blank (an interrupted erasure looks so), the group is erased and obtained anew. A block that the
//! active slot holds too, at whatever place, is copied; the others are asked for.

use embedded_storage_async::nor_flash::NorFlash;

use super::{BlockSize, HASH_BYTES, Place, SlotDigest, block_hash, survey};
use crate::{
    Error, Layout, Model, Part, Region, Release, SlotId,
    flash::{self, CHUNK, round_up},
};

/// Blocks in a window.
const WINDOW: u32 = 64;
/// After so many failures of the flash the slot counts as worn out.
const FAILURES: u8 = 8;
/// Entries of the other slot's index that are compared in one step.
const COMPARED: u32 = 64;

/// An installation in progress. It belongs to one release and one slot, and lives as long as the caller keeps it.
pub struct Install {
    place: Place,
    index_digest: [u8; 32],
    release: Model,
    /// Where blocks are copied from.
    source: Option<Place>,
    erase_bytes: u32,
    unit: u32,
    phase: Phase,
    /// First block of the window; a multiple of 64.
    window: u32,
    /// Blocks of the window that have the right hash.
    good: u64,
    /// Blocks of the window whose groups are to be erased.
    spoiled: u64,
    kept: u32,
    copied: u32,
    fetched: u32,
    failures: u8,
}

enum Phase {
    /// Hashes the index in the slot; `fresh` when it was just received.
    CheckIndex {
        digest: SlotDigest,
        fresh: bool,
    },
    /// Erases the sectors of the index, the next one at this offset.
    EraseIndex {
        erased: u32,
    },
    /// Waits for the index, of which so many bytes are there.
    ReceiveIndex {
        received: u32,
    },
    /// Hashes the blocks of the window, so many being done; those that are blank.
    Survey {
        done: u32,
        blank: u64,
    },
    /// Erases the group of the first spoiled block, so many bytes being done.
    Erase {
        erased: u32,
    },
    /// Looks for this block of the window in the other slot: at the same place, then from this entry of its index on.
    Copy {
        block: u32,
        entry: Option<u32>,
    },
    /// Waits for blocks.
    Fetch,
    Complete,
}

/// What an installation needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another step.
    Working,
    /// Bytes of the block index.
    NeedIndex {
        /// Offset of the first byte that is missing.
        offset: u32,
        /// How many are missing from there.
        length: u32,
    },
    /// Blocks, in any order.
    NeedBlocks {
        /// Number of the window's first block.
        first: u32,
        /// Bit n is set when block `first + n` is missing.
        missing: u64,
    },
    /// Nothing: every block is in the slot and has the right hash.
    Complete,
}

/// What became of a piece that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is in the slot.
    Stored,
    /// It was there before: a duplicate.
    AlreadyThere,
    /// The flash did not take it. It will be asked for again.
    Again,
}

impl Install {
    pub(crate) fn new<E>(
        layout: &Layout,
        slot: SlotId,
        release: &Release,
        active: Option<&Model>,
    ) -> Result<Self, Error<E>> {
        let place = Place::new(layout, slot, &release.model)?;
        let (block, sector) = (place.block_size.bytes(), layout.erase_bytes());
        if sector > block.saturating_mul(WINDOW) {
            return Err(Error::BlocksTooShort { block, sector });
        }
        let source = active
            .filter(|model| model.block_size == release.model.block_size)
            .and_then(|model| Place::new::<E>(layout, slot.other(), model).ok());
        Ok(Install {
            place,
            index_digest: release.index_digest,
            release: release.model,
            source,
            erase_bytes: sector,
            unit: layout.unit(),
            phase: Phase::CheckIndex { digest: SlotDigest::whole(place.index), fresh: false },
            window: 0,
            good: 0,
            spoiled: 0,
            kept: 0,
            copied: 0,
            fetched: 0,
            failures: 0,
        })
    }

    /// The slot that is written.
    pub fn slot(&self) -> SlotId {
        self.place.slot
    }

    /// Length of the blocks.
    pub fn block_size(&self) -> BlockSize {
        self.place.block_size
    }

    /// How many blocks the blob has.
    pub fn blocks(&self) -> u32 {
        self.place.blocks()
    }

    /// Blocks that were in the slot already.
    pub fn kept(&self) -> u32 {
        self.kept
    }

    /// Blocks that were copied from the other slot.
    pub fn copied(&self) -> u32 {
        self.copied
    }

    /// Blocks that were received.
    pub fn fetched(&self) -> u32 {
        self.fetched
    }

    /// Whether every block is in the slot and has the right hash.
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete)
    }

    /// Whether this is the installation of that model into that slot.
    pub(crate) fn is_of(&self, model: &Model, slot: SlotId) -> bool {
        self.release == *model && self.place.slot == slot
    }

    /// Does a bounded piece of work: hashes or copies a block, erases a sector, compares 64 entries of an index.
    pub(crate) async fn step<F: NorFlash>(&mut self, flash: &mut F) -> Result<Progress, Error<F::Error>> {
        let next = match &mut self.phase {
            Phase::CheckIndex { digest, fresh } => {
                match digest.step(flash, self.place.block_size.bytes()).await? {
                    None => return Ok(Progress::Working),
                    Some(digest) if digest == self.index_digest => Phase::Survey { done: 0, blank: 0 },
                    Some(_) => {
                        let fresh = *fresh;
                        self.phase = Phase::EraseIndex { erased: 0 };
                        return if fresh { Err(Error::IndexMismatch) } else { Ok(Progress::Working) };
                    }
                }
            }
            Phase::EraseIndex { erased } => {
                let erased = *erased;
                if erased >= self.place.index_sectors.length {
                    Phase::ReceiveIndex { received: 0 }
                } else {
                    self.erase_sector(flash, self.place.index_sectors.start + erased).await?;
                    Phase::EraseIndex { erased: erased + self.erase_bytes }
                }
            }
            Phase::ReceiveIndex { received } => {
                let length = self.place.index.length.saturating_sub(*received);
                return Ok(Progress::NeedIndex { offset: *received, length });
            }
            Phase::Survey { done, blank } => {
                let (done, blank) = (*done, *blank);
                self.survey_block(flash, done, blank).await?
            }
            Phase::Erase { erased } => {
                let erased = *erased;
                self.erase_group(flash, erased).await?
            }
            Phase::Copy { block, entry } => {
                let (block, entry) = (*block, *entry);
                self.copy_block(flash, block, entry).await?
            }
            Phase::Fetch => {
                let missing = self.missing();
                if missing != 0 {
                    return Ok(Progress::NeedBlocks { first: self.window, missing });
                }
                self.window = self.window.saturating_add(WINDOW);
                self.good = 0;
                if self.window >= self.place.blocks() {
                    Phase::Complete
                } else {
                    Phase::Survey { done: 0, blank: 0 }
                }
            }
            Phase::Complete => return Ok(Progress::Complete),
        };
        self.phase = next;
        Ok(Progress::Working)
    }

    /// Takes a piece of the index, of whole multiples of 32 bytes or up to its end.
    pub(crate) async fn write_index<F: NorFlash>(
        &mut self,
        flash: &mut F,
        offset: u32,
        bytes: &[u8],
    ) -> Result<Received, Error<F::Error>> {
        let Phase::ReceiveIndex { received } = self.phase else { return Ok(Received::AlreadyThere) };
        let left = self.place.index.length.saturating_sub(received);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if offset < received {
            return Ok(Received::AlreadyThere);
        }
        if offset != received || length == 0 || length > left || (length != left && length & 31 != 0) {
            return Err(Error::Unexpected(offset));
        }
        // If this is interrupted, the index starts anew.
        self.phase = Phase::EraseIndex { erased: 0 };
        if let Err(error) = flash::write(flash, self.place.index.start + offset, bytes).await {
            return self.failed(error).map(|()| Received::Again);
        }
        let received = received + length;
        self.phase = if length == left {
            Phase::CheckIndex { digest: SlotDigest::whole(self.place.index), fresh: true }
        } else {
            Phase::ReceiveIndex { received }
        };
        Ok(Received::Stored)
    }

    /// Takes a block that was asked for.
    pub(crate) async fn write_block<F: NorFlash>(
        &mut self,
        flash: &mut F,
        number: u32,
        bytes: &[u8],
    ) -> Result<Received, Error<F::Error>> {
        let Some(region) = self.place.block(number) else { return Err(Error::Unexpected(number)) };
        let asked = matches!(self.phase, Phase::Fetch)
            && number >= self.window
            && self.missing() & self.bit(number) != 0;
        if !asked {
            return Ok(Received::AlreadyThere);
        }
        if bytes.len() != region.length as usize {
            return Err(Error::Unexpected(number));
        }
        let hash = self.place.hash(flash, number).await?;
        if block_hash(bytes) != hash {
            return Err(Error::BlockMismatch(number));
        }
        let before = self.begin_write(number);
        let written = match flash::write(flash, region.start, bytes).await {
            Ok(()) => survey(flash, region).await.map(|found| found.hash == hash),
            Err(error) => Err(error),
        };
        match written {
            Ok(true) => {
                self.end_write(number, before);
                self.phase = Phase::Fetch;
                self.fetched = self.fetched.saturating_add(1);
                Ok(Received::Stored)
            }
            Ok(false) => self.failed(Error::WornOut(Part::Slot(self.place.slot))).map(|()| Received::Again),
            Err(error) => self.failed(error).map(|()| Received::Again),
        }
    }

    /// Hashes the next block of the window; behind the last one decides which groups are erased.
    async fn survey_block<F: NorFlash>(
        &mut self,
        flash: &mut F,
        done: u32,
        mut blank: u64,
    ) -> Result<Phase, Error<F::Error>> {
        let number = self.window.saturating_add(done);
        if done < WINDOW
            && let Some(region) = self.place.block(number)
        {
            let found = survey(flash, region).await?;
            if found.hash == self.place.hash(flash, number).await? {
                self.good |= self.bit(number);
            } else if found.blank
                && flash::is_blank(flash, region.end(), round_up(region.end(), self.unit)).await?
            {
                blank |= self.bit(number);
            }
            return Ok(Phase::Survey { done: done + 1, blank });
        }
        let missing = self.missing();
        let mut first = 0;
        while first < WINDOW {
            let group = self.group(self.window + first);
            let resumable = group & self.good != 0 && group & missing & !blank == 0;
            if group & missing != 0 && !resumable {
                self.spoiled |= group;
                self.good &= !group;
            }
            first += self.group_blocks();
        }
        self.kept = self.kept.saturating_add(self.good.count_ones());
        Ok(Phase::Erase { erased: 0 })
    }

    /// Erases the next sector of the first spoiled group.
    async fn erase_group<F: NorFlash>(
        &mut self,
        flash: &mut F,
        erased: u32,
    ) -> Result<Phase, Error<F::Error>> {
        if self.spoiled == 0 {
            return Ok(Phase::Copy { block: 0, entry: None });
        }
        let first = self.window + self.spoiled.trailing_zeros();
        let start = self.place.blob.start + first * self.place.block_size.bytes();
        let group_end = start + self.erase_bytes.max(self.place.block_size.bytes());
        let end = group_end.min(round_up(self.place.blob.end(), self.erase_bytes));
        if start + erased < end {
            self.erase_sector(flash, start + erased).await?;
            return Ok(Phase::Erase { erased: erased + self.erase_bytes });
        }
        self.spoiled &= !self.group(first);
        Ok(Phase::Erase { erased: 0 })
    }

    /// Looks for a missing block in the other slot, and copies it when it is there.
    async fn copy_block<F: NorFlash>(
        &mut self,
        flash: &mut F,
        block: u32,
        entry: Option<u32>,
    ) -> Result<Phase, Error<F::Error>> {
        let number = self.window.saturating_add(block);
        let (Some(source), Some(target)) = (self.source, self.place.block(number)) else {
            return Ok(Phase::Fetch);
        };
        if block >= WINDOW {
            return Ok(Phase::Fetch);
        }
        let following = Phase::Copy { block: block + 1, entry: None };
        if self.good & self.bit(number) != 0 {
            return Ok(following);
        }
        let wanted = self.place.hash(flash, number).await?;
        // Most often a block has not moved.
        let (from, until) = match entry {
            None => (number, number.saturating_add(1)),
            Some(entry) => (entry, entry.saturating_add(COMPARED)),
        };
        for candidate in from..until.min(source.blocks()) {
            let Some(region) = source.block(candidate).filter(|region| region.length == target.length) else {
                continue;
            };
            // The index of the other slot only says where to look.
            if source.hash(flash, candidate).await? != wanted || survey(flash, region).await?.hash != wanted {
                continue;
            }
            return match self.copy(flash, number, region, target, &wanted).await {
                Ok(true) => {
                    self.copied = self.copied.saturating_add(1);
                    Ok(following)
                }
                Ok(false) => {
                    self.failed(Error::<F::Error>::WornOut(Part::Slot(self.place.slot)))?;
                    Ok(Phase::Erase { erased: 0 })
                }
                Err(error) => {
                    self.failed(error)?;
                    Ok(Phase::Erase { erased: 0 })
                }
            };
        }
        match entry {
            None => Ok(Phase::Copy { block, entry: Some(0) }),
            Some(_) if until < source.blocks() => Ok(Phase::Copy { block, entry: Some(until) }),
            Some(_) => Ok(following),
        }
    }

    /// Copies a block between the slots. Whether it has the right hash then.
    async fn copy<F: NorFlash>(
        &mut self,
        flash: &mut F,
        number: u32,
        from: Region,
        to: Region,
        wanted: &[u8; HASH_BYTES as usize],
    ) -> Result<bool, Error<F::Error>> {
        let before = self.begin_write(number);
        let mut chunk = [0; CHUNK];
        let mut done = 0;
        while done < from.length {
            let count = (from.length - done).min(CHUNK as u32);
            let Some(part) = chunk.get_mut(..count as usize) else { break };
            flash::read(flash, from.start + done, part).await?;
            flash::write(flash, to.start + done, part).await?;
            done += count;
        }
        let copied = survey(flash, to).await?.hash == *wanted;
        if copied {
            self.end_write(number, before);
        }
        Ok(copied)
    }

    /// Counts a block's group as spoiled while the block is written, so that an interrupted write is never continued. What
    /// counted before.
    fn begin_write(&mut self, number: u32) -> u64 {
        let before = self.good;
        self.spoiled |= self.group(number);
        self.good &= !self.group(number);
        self.phase = Phase::Erase { erased: 0 };
        before
    }

    fn end_write(&mut self, number: u32, before: u64) {
        self.spoiled &= !self.group(number);
        self.good = before | self.bit(number);
    }

    async fn erase_sector<F: NorFlash>(&mut self, flash: &mut F, start: u32) -> Result<(), Error<F::Error>> {
        // After a failure the same sector is tried again in the next step.
        flash.erase(start, start + self.erase_bytes).await.map_err(Error::Flash)
    }

    /// Counts a failure of the flash; the error is returned when there were too many.
    fn failed<E>(&mut self, error: Error<E>) -> Result<(), Error<E>> {
        self.failures = self.failures.saturating_add(1);
        if self.failures > FAILURES { Err(error) } else { Ok(()) }
    }

    /// Blocks of the window that are not good.
    fn missing(&self) -> u64 {
        let left = self.place.blocks().saturating_sub(self.window);
        let all = if left >= WINDOW { u64::MAX } else { (1 << left) - 1 };
        all & !self.good
    }

    /// The bit of a block in the window.
    fn bit(&self, number: u32) -> u64 {
        1u64.checked_shl(number.wrapping_sub(self.window)).unwrap_or(0)
    }

    /// How many blocks share an erase sector; a power of two, at most 64.
    fn group_blocks(&self) -> u32 {
        (self.erase_bytes >> self.place.block_size.shift()).clamp(1, WINDOW)
    }

    /// The bits of all blocks that share an erase sector with this one, as far as there are blocks.
    fn group(&self, number: u32) -> u64 {
        let blocks = self.group_blocks();
        let first = number.wrapping_sub(self.window) & !(blocks - 1);
        let ones = u64::MAX >> (WINDOW - blocks);
        let left = self.place.blocks().saturating_sub(self.window);
        let all = if left >= WINDOW { u64::MAX } else { (1 << left) - 1 };
        ones.checked_shl(first).unwrap_or(0) & all
    }
}
