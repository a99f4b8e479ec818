//! Blocks that a device wants.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::ContentId;
use crate::codec::{Body, Message};
use crate::kind::Kind;

/// A window of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct BlockRequest {
    /// The content, by its block index.
    pub content: ContentId,
    /// Which part of it.
    pub part: Part,
    /// The first block of the window.
    pub first: u32,
    /// Bit i asks for block `first` + i.
    pub window: u32,
}

/// What blocks are part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, MaxSize)]
pub enum Part {
    /// The block index.
    Index,
    /// The blob.
    Blob,
}

impl BlockRequest {
    /// The blocks that are asked for, ascending. Numbers beyond u32 are left out.
    pub fn blocks(self) -> impl Iterator<Item = u32> {
        (0..u32::BITS)
            .filter(move |bit| self.window >> bit & 1 == 1)
            .filter_map(move |bit| self.first.checked_add(bit))
    }
}

impl Body<'_> for BlockRequest {
    const KIND: Kind = Kind::BlockRequest;
}

impl Message<'_> for BlockRequest {}
