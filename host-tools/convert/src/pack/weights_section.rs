//! The weights section while it grows.

use std::collections::BTreeMap;

/// Alignment of packed weights and channel blocks.
const BLOCK_ALIGNMENT: usize = 16;
/// Alignment of constants and tables.
const TABLE_ALIGNMENT: usize = 4;

/// Packed weights, tables and constants, each content stored once.
#[derive(Debug, Default)]
pub(super) struct WeightsSection {
    bytes: Vec<u8>,
    known: BTreeMap<Vec<u8>, usize>,
}

impl WeightsSection {
    /// Adds weights or channel blocks. Returns where they start.
    pub fn add_blocks(&mut self, content: Vec<u8>) -> u32 {
        self.add(content, BLOCK_ALIGNMENT)
    }

    /// Adds a table or a constant. Returns where it starts.
    pub fn add_table(&mut self, content: Vec<u8>) -> u32 {
        self.add(content, TABLE_ALIGNMENT)
    }

    /// What was added at an offset.
    pub fn content(&self, offset: u32, length: usize) -> &[u8] {
        let start = offset as usize;
        self.bytes.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    fn add(&mut self, content: Vec<u8>, alignment: usize) -> u32 {
        let offset = match self.known.get(&content) {
            Some(&offset) if offset.is_multiple_of(alignment) => offset,
            _ => {
                self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
                let offset = self.bytes.len();
                self.bytes.extend_from_slice(&content);
                self.known.insert(content, offset);
                offset
            }
        };
        // Too long a section is refused as a whole.
        u32::try_from(offset).unwrap_or(u32::MAX)
    }

    /// The section. It is never empty, so that no other section starts where it does.
    pub fn finish(mut self) -> Vec<u8> {
        if self.bytes.is_empty() {
            self.bytes.resize(BLOCK_ALIGNMENT, 0);
        }
        self.bytes
    }
}
