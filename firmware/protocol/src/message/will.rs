//! The end of a connection.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;

/// Left with the broker at connect, published by it when the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Will {
    /// The boot.
    pub boot: Boot,
    /// The connection that it belongs to, as in the birth.
    pub connection: u32,
}

impl Body<'_> for Will {
    const KIND: Kind = Kind::Will;
}

impl Message<'_> for Will {}
