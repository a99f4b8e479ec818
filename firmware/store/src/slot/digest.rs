//! The digest of what lies in a slot, in slices.

use embedded_storage_async::nor_flash::NorFlash;
use sha2::{Digest, Sha256};

use crate::{
    Error, Region,
    flash::{self, CHUNK},
};

/// SHA-256 over a part of a slot, computed in as many slices as the caller likes.
#[derive(Clone)]
pub struct SlotDigest {
    region: Region,
    /// What is left out: offsets from the region's start.
    gap: (u32, u32),
    done: u32,
    sha: Sha256,
}

impl SlotDigest {
    /// Over a whole region.
    pub(crate) fn whole(region: Region) -> Self {
        SlotDigest { region, gap: (region.length, region.length), done: 0, sha: Sha256::new() }
    }

    /// Over the content of a blob: everything but digest and signature, bytes 160 to 256 (`docs/format.md`, "Header").
    pub(crate) fn content(region: Region) -> Self {
        SlotDigest { gap: (160, 256), ..SlotDigest::whole(region) }
    }

    /// Hashes up to `budget` bytes more. The digest, when nothing is left.
    pub(crate) async fn step<F: NorFlash>(
        &mut self,
        flash: &mut F,
        budget: u32,
    ) -> Result<Option<[u8; 32]>, Error<F::Error>> {
        let mut chunk = [0; CHUNK];
        let mut left = budget.max(1);
        while left != 0 {
            let (gap_start, gap_end) = self.gap;
            if self.done >= gap_start && self.done < gap_end {
                self.done = gap_end;
            }
            let until =
                if self.done < gap_start { gap_start.min(self.region.length) } else { self.region.length };
            let count = until.saturating_sub(self.done).min(left).min(CHUNK as u32);
            if count == 0 {
                return Ok(Some(self.sha.clone().finalize().into()));
            }
            let Some(part) = chunk.get_mut(..count as usize) else { break };
            flash::read(flash, self.region.start + self.done, part).await?;
            self.sha.update(&*part);
            self.done += count;
            left -= count;
        }
        Ok(None)
    }
}
