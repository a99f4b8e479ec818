//! The weights section while it grows.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use bytemuck::Pod;
use dunlin_runtime::format::HEADER_BYTES;

use super::aligned_bytes::AlignedBytes;

/// Alignment of packed weights and channel blocks.
const BLOCK_ALIGNMENT: usize = 16;
/// Alignment of constants and tables.
const TABLE_ALIGNMENT: usize = 4;

/// Where a content of the section is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    /// Where it starts.
    pub offset: u32,
    /// Its bytes.
    pub length: usize,
}

/// Packed weights, tables and constants, each content stored once.
///
/// They are most of a blob, so they are written where they stay: behind the place of its header.
#[derive(Debug)]
pub(super) struct WeightsSection {
    bytes: AlignedBytes,
    /// Where contents of a hash are.
    known: HashMap<u64, Vec<Range<usize>>>,
}

impl WeightsSection {
    /// A section that will have about so many bytes.
    pub fn with_capacity(expected: usize) -> Self {
        let mut bytes = AlignedBytes::zeroed(0);
        bytes.reserve(HEADER_BYTES + expected);
        bytes.resize(HEADER_BYTES);
        WeightsSection { bytes, known: HashMap::new() }
    }

    /// Adds weights or channel blocks.
    pub fn add_blocks<T: Pod>(&mut self, records: impl IntoIterator<Item = T>) -> Stored {
        self.add(records, BLOCK_ALIGNMENT)
    }

    /// Adds a table or a constant. Returns where it starts.
    pub fn add_table(&mut self, content: &[u8]) -> u32 {
        self.add(content.iter().copied(), TABLE_ALIGNMENT).offset
    }

    /// What was added at an offset.
    pub fn content(&self, offset: u32, length: usize) -> &[u8] {
        let start = HEADER_BYTES + offset as usize;
        self.bytes.as_slice().get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// Writes the records to the end, and takes them away again if the same content is there already.
    fn add<T: Pod>(&mut self, records: impl IntoIterator<Item = T>, alignment: usize) -> Stored {
        let end = self.bytes.len();
        let start = end.next_multiple_of(alignment);
        self.bytes.resize(start);
        self.bytes.extend(records);
        let (before, content) = self.bytes.as_slice().split_at(start);
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let known = self.known.entry(hasher.finish()).or_default();
        let same = |range: &&Range<usize>| {
            range.start.is_multiple_of(alignment) && before.get((*range).clone()) == Some(content)
        };
        let length = content.len();
        let start = match known.iter().find(same) {
            Some(range) => {
                self.bytes.resize(end);
                range.start
            }
            None => {
                known.push(start..start + length);
                start
            }
        };
        // Too long a section is refused as a whole.
        Stored { offset: u32::try_from(start - HEADER_BYTES).unwrap_or(u32::MAX), length }
    }

    /// The section, behind the place of the header. It is never empty, so that no other section starts where it does.
    pub fn finish(mut self) -> AlignedBytes {
        if self.bytes.len() == HEADER_BYTES {
            self.bytes.resize(HEADER_BYTES + BLOCK_ALIGNMENT);
        }
        self.bytes
    }
}

impl Default for WeightsSection {
    fn default() -> Self {
        WeightsSection::with_capacity(0)
    }
}
