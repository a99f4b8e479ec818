//! One block.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::Part;
use crate::bytes::ContentId;
use crate::codec::{Body, Message};
use crate::kind::Kind;
use crate::list::length_bytes;

/// Longest block.
pub const MAX_BLOCK_BYTES: usize = 4096;

/// The answer to one bit of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Block<'a> {
    /// The content, as in the request.
    pub content: ContentId,
    /// Which part of it.
    pub part: Part,
    /// Which block.
    pub number: u32,
    /// Its bytes, or why there are none.
    #[serde(borrow)]
    pub data: BlockData<'a>,
}

/// Bytes of a block, or why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockData<'a> {
    /// The bytes, at most [`MAX_BLOCK_BYTES`].
    Data(&'a [u8]),
    /// There are none.
    Refused(BlockRefusal),
}

/// Why a block was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum BlockRefusal {
    /// No content of this id.
    UnknownContent,
    /// The part has fewer blocks.
    OutOfRange,
    /// Too many requests.
    Busy {
        /// When to ask again.
        seconds: u16,
    },
}

impl MaxSize for BlockData<'_> {
    const POSTCARD_MAX_SIZE: usize = 1 + length_bytes(MAX_BLOCK_BYTES) + MAX_BLOCK_BYTES;
}

impl fmt::Display for BlockRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockRefusal::UnknownContent => write!(f, "the fleet does not have this content"),
            BlockRefusal::OutOfRange => write!(f, "the content has fewer blocks"),
            BlockRefusal::Busy { seconds } => write!(f, "too many requests, ask again in {seconds} s"),
        }
    }
}

impl<'a> Body<'a> for Block<'a> {
    const KIND: Kind = Kind::Block;
}

impl<'a> Message<'a> for Block<'a> {}
