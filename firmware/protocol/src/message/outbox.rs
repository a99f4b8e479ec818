//! What a device still holds of its reports and events.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;

/// Sent after every birth, and when the sequence behind the one that is stored is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Outbox {
    /// This boot.
    pub boot: Boot,
    /// Lowest sequence held, or `next`. What is below and not stored was dropped.
    pub oldest: u64,
    /// The sequence to be given next.
    pub next: u64,
    /// Reports dropped since provisioning.
    pub dropped_reports: u64,
    /// Events dropped since provisioning.
    pub dropped_events: u64,
}

impl Body<'_> for Outbox {
    const KIND: Kind = Kind::Outbox;
}

impl Message<'_> for Outbox {}
