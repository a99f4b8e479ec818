//! What the database holds of a device.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::Nonce;
use crate::codec::{Body, Message};
use crate::kind::Kind;

/// The device may erase what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Stored {
    /// The nonce whose sequences these are.
    pub nonce: Nonce,
    /// Highest sequence up to which all are stored, or known to be dropped; 0 before the first.
    pub through: u64,
}

impl Body<'_> for Stored {
    const KIND: Kind = Kind::Stored;
}

impl Message<'_> for Stored {}
