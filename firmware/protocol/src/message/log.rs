//! Log lines.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;
use crate::list::length_bytes;

/// Most bytes of lines in one message.
pub const MAX_LOG_BYTES: usize = 1024;

/// Log lines, of which some may have been lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Log<'a> {
    /// This boot.
    pub boot: Boot,
    /// Lines dropped in this boot.
    pub lost: u32,
    /// The lines.
    #[serde(borrow)]
    pub lines: Lines<'a>,
}

/// Lines, at most [`MAX_LOG_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lines<'a> {
    /// Readable as they are.
    Text(&'a str),
    /// Whole frames of defmt (rzcobs), to be decoded with the firmware that the birth names.
    Defmt(&'a [u8]),
}

impl MaxSize for Lines<'_> {
    const POSTCARD_MAX_SIZE: usize = 1 + length_bytes(MAX_LOG_BYTES) + MAX_LOG_BYTES;
}

impl<'a> Body<'a> for Log<'a> {
    const KIND: Kind = Kind::Log;
}

impl<'a> Message<'a> for Log<'a> {}
