//! Which blocks are asked for, and when again.

use dunlin_protocol::ContentId;
use dunlin_protocol::message::{Block, BlockData, BlockRefusal, BlockRequest, Part};
use dunlin_store::Progress;

use crate::event::Counts;

/// First time to wait for blocks, in milliseconds; it doubles each time that nothing comes,
const FIRST_WAIT: u64 = 5_000;
/// up to this.
const LONGEST_WAIT: u64 = 300_000;
/// So often an index may have another digest than the release says.
const BAD_INDEXES: u8 = 5;
/// So many requests in a row may be refused for want of the content.
const REFUSALS: u8 = 8;
/// So many pieces of work in a row may fail.
const FAILURES: u8 = 16;
/// A second chance for flash that failed comes so much later, in milliseconds.
const FAILURE_PAUSE: u64 = 1_000;

/// The download of a release.
#[derive(Debug, Clone)]
pub(super) struct Download {
    content: ContentId,
    block_bytes: u32,
    next: Step,
    wait: u64,
    bad_indexes: u8,
    refusals: u8,
    failures: u8,
    pub(super) counts: Counts,
    pub(super) blocks: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// The store does a piece of work now.
    Work,
    /// The store does a piece of work, but not before.
    Pause { until: u64 },
    /// A request is to be sent.
    Ask(BlockRequest),
    /// Blocks are on their way.
    Wait { request: BlockRequest, until: u64, refused: bool },
}

/// What follows from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Nobody asked for it.
    Ignored,
    /// Bytes of the index.
    Index,
    /// Bytes of the blob.
    Block,
}

/// Why a download ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    Index,
    Unavailable,
    Storage,
}

impl Download {
    pub(super) fn new(content: ContentId, block_bytes: u32, blocks: u32) -> Download {
        Download {
            content,
            block_bytes,
            next: Step::Work,
            wait: FIRST_WAIT,
            bad_indexes: 0,
            refusals: 0,
            failures: 0,
            counts: Counts::default(),
            blocks,
        }
    }

    /// Whether the store has to work now.
    pub(super) fn wants_work(&self, now: u64) -> bool {
        match self.next {
            Step::Work => true,
            Step::Pause { until } | Step::Wait { until, .. } => now >= until,
            Step::Ask(_) => false,
        }
    }

    /// The store begins to work. A request that was not answered in time is given up.
    pub(super) fn work(&mut self) -> Result<(), GivenUp> {
        if let Step::Wait { refused, .. } = self.next {
            self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
            if refused {
                self.refusals = self.refusals.saturating_add(1);
                if self.refusals >= REFUSALS {
                    return Err(GivenUp::Unavailable);
                }
            }
        }
        self.next = Step::Work;
        Ok(())
    }

    /// What the store needs next; true if that is nothing.
    pub(super) fn progress(&mut self, progress: Progress, counts: Counts, window: u8) -> bool {
        self.failures = 0;
        self.counts = counts;
        self.next = match progress {
            Progress::Working => Step::Work,
            Progress::Complete => return true,
            Progress::NeedIndex { offset, .. } => {
                // The store takes pieces of the index in turn, so that one at a time is asked for.
                let first = offset.checked_div(self.block_bytes).unwrap_or(0);
                Step::Ask(BlockRequest { content: self.content, part: Part::Index, first, window: 1 })
            }
            Progress::NeedBlocks { first, missing } => {
                let skipped = missing.trailing_zeros();
                let missing = missing.checked_shr(skipped).unwrap_or(0);
                let window = lowest_bits(missing as u32, window.clamp(1, 32));
                let first = first.saturating_add(skipped);
                Step::Ask(BlockRequest { content: self.content, part: Part::Blob, first, window })
            }
        };
        false
    }

    /// The request that is to be sent.
    pub(super) fn request(&self) -> Option<BlockRequest> {
        match self.next {
            Step::Ask(request) => Some(request),
            _ => None,
        }
    }

    pub(super) fn sent(&mut self, now: u64) {
        if let Step::Ask(request) = self.next {
            self.next = Step::Wait { request, until: now.saturating_add(self.wait), refused: false };
        }
    }

    /// A block came.
    pub(super) fn incoming(&mut self, block: &Block<'_>, now: u64) -> Incoming {
        let Step::Wait { request, until, refused } = &mut self.next else { return Incoming::Ignored };
        let bit = block.number.checked_sub(request.first).and_then(|bit| 1u32.checked_shl(bit)).unwrap_or(0);
        if block.content != request.content || block.part != request.part || request.window & bit == 0 {
            return Incoming::Ignored;
        }
        match (block.data, block.part) {
            (BlockData::Data(_), Part::Index) => Incoming::Index,
            (BlockData::Data(_), Part::Blob) => Incoming::Block,
            (BlockData::Refused(BlockRefusal::Busy { seconds }), _) => {
                *until = now.saturating_add(u64::from(seconds) * 1000).max(*until);
                Incoming::Ignored
            }
            (BlockData::Refused(_), _) => {
                *refused = true;
                Incoming::Ignored
            }
        }
    }

    /// A block of the blob is in the slot.
    pub(super) fn stored(&mut self, number: u32, now: u64) {
        (self.wait, self.refusals) = (FIRST_WAIT, 0);
        let Step::Wait { request, until, .. } = &mut self.next else { return };
        let bit = number.checked_sub(request.first).and_then(|bit| 1u32.checked_shl(bit)).unwrap_or(0);
        if request.window & bit != 0 {
            self.counts.held = self.counts.held.saturating_add(1);
        }
        request.window &= !bit;
        *until = now.saturating_add(FIRST_WAIT);
        if request.window == 0 {
            self.next = Step::Work;
        }
    }

    /// A piece of the index is in the slot, or the flash wants another piece of work.
    pub(super) fn again(&mut self) {
        (self.wait, self.refusals) = (FIRST_WAIT, 0);
        self.next = Step::Work;
    }

    /// The index does not have its digest: it is fetched anew, later.
    pub(super) fn bad_index(&mut self, now: u64) -> Result<(), GivenUp> {
        self.bad_indexes = self.bad_indexes.saturating_add(1);
        if self.bad_indexes >= BAD_INDEXES {
            return Err(GivenUp::Index);
        }
        self.next = Step::Pause { until: now.saturating_add(FIRST_WAIT) };
        Ok(())
    }

    /// The flash failed.
    pub(super) fn failed(&mut self, now: u64) -> Result<(), GivenUp> {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            return Err(GivenUp::Storage);
        }
        self.next = Step::Pause { until: now.saturating_add(FAILURE_PAUSE) };
        Ok(())
    }

    /// A new connection: what was asked for in the old one will not come.
    pub(super) fn reconnected(&mut self) {
        if let Step::Wait { request, .. } = self.next {
            self.next = Step::Ask(request);
        }
    }

    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        match self.next {
            Step::Work => Some(now),
            Step::Pause { until } | Step::Wait { until, .. } => Some(until),
            Step::Ask(_) => None,
        }
    }
}

/// The lowest `most` of the bits that are set.
fn lowest_bits(mut bits: u32, most: u8) -> u32 {
    let mut kept = 0;
    for _ in 0..most {
        let lowest = bits & bits.wrapping_neg();
        kept |= lowest;
        bits &= !lowest;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: ContentId = ContentId([4; 16]);

    fn download() -> Download {
        Download::new(CONTENT, 1024, 100)
    }

    fn block(number: u32) -> Block<'static> {
        Block { content: CONTENT, part: Part::Blob, number, data: BlockData::Data(&[]) }
    }

    #[test]
    fn a_window_begins_at_the_first_missing_block_and_is_as_wide_as_the_buffers() {
        let mut download = download();
        let missing = 0b1011_0001 << 40;
        download.progress(Progress::NeedBlocks { first: 64, missing }, Counts::default(), 3);
        let request = download.request().unwrap();
        assert_eq!((request.part, request.first, request.window), (Part::Blob, 104, 0b11_0001));
        download.progress(Progress::NeedBlocks { first: 0, missing: u64::MAX }, Counts::default(), 32);
        assert_eq!(download.request().unwrap().window, u32::MAX);
        download.progress(Progress::NeedIndex { offset: 2048, length: 9 }, Counts::default(), 32);
        let request = download.request().unwrap();
        assert_eq!((request.part, request.first, request.window), (Part::Index, 2, 1));
    }

    #[test]
    fn it_waits_twice_as_long_each_time_that_nothing_comes_and_anew_after_a_block() {
        let mut download = download();
        let (mut now, mut waits) = (0, std::vec::Vec::new());
        for _ in 0..9 {
            download.progress(Progress::NeedBlocks { first: 0, missing: 3 }, Counts::default(), 8);
            download.sent(now);
            let until = download.deadline(now).unwrap();
            assert!(!download.wants_work(until - 1) && download.wants_work(until));
            waits.push((until - now) / 1000);
            now = until;
            download.work().unwrap();
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        download.progress(Progress::NeedBlocks { first: 0, missing: 3 }, Counts::default(), 8);
        download.sent(now);
        download.stored(1, now);
        assert_eq!(download.deadline(now), Some(now + FIRST_WAIT));
        download.stored(0, now);
        assert!(download.wants_work(now), "the window is complete");
    }

    #[test]
    fn what_nobody_asked_for_is_ignored() {
        let mut download = download();
        assert_eq!(download.incoming(&block(1), 0), Incoming::Ignored);
        download.progress(Progress::NeedBlocks { first: 0, missing: 0b10 }, Counts::default(), 8);
        download.sent(0);
        assert_eq!(download.incoming(&block(1), 0), Incoming::Block);
        assert_eq!(download.incoming(&block(0), 0), Incoming::Ignored);
        assert_eq!(download.incoming(&block(40), 0), Incoming::Ignored);
        let foreign = Block { content: ContentId([5; 16]), ..block(1) };
        assert_eq!(download.incoming(&foreign, 0), Incoming::Ignored);
        assert_eq!(download.incoming(&Block { part: Part::Index, ..block(1) }, 0), Incoming::Ignored);
    }

    #[test]
    fn content_that_the_fleet_does_not_have_is_given_up_after_a_while() {
        let mut download = download();
        let (mut now, mut requests) = (0, 0);
        loop {
            download.progress(Progress::NeedBlocks { first: 0, missing: 1 }, Counts::default(), 8);
            download.sent(now);
            requests += 1;
            let data = BlockData::Refused(BlockRefusal::UnknownContent);
            download.incoming(&Block { data, ..block(0) }, now);
            now = download.deadline(now).unwrap();
            if download.work().is_err() {
                break;
            }
        }
        assert_eq!((requests, now / 1000), (8, 5 + 10 + 20 + 40 + 80 + 160 + 300 + 300));
    }
}
