//! What must not be lost.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::{ResetCause, UpdateState};
use crate::bytes::{Digest, KeyId};
use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;
use crate::signed::Roles;

/// Something that happened on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Event {
    /// The boot in which it happened.
    pub boot: Boot,
    /// Counts reports and events since provisioning, from 1.
    pub sequence: u64,
    /// When.
    pub uptime: u64,
    /// The wall clock then.
    pub clock: Option<u64>,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Happening {
    /// The device started.
    Started(ResetCause),
    /// An update ended.
    Update {
        /// Sequence of the release, 0 if it could not be read.
        sequence: u64,
        /// Digest of the blob.
        digest: Digest,
        /// How it ended.
        state: UpdateState,
    },
    /// The flash reported an error.
    StorageFault {
        /// Where.
        address: u32,
    },
    /// The wall clock was set.
    ClockSet {
        /// Forwards, in milliseconds.
        by: i64,
    },
    /// A key is trusted from now on.
    KeyTrusted {
        /// Which.
        key: KeyId,
        /// What it may sign.
        roles: Roles,
    },
    /// A key is no longer trusted.
    KeyRevoked(KeyId),
    /// The device takes no more updates.
    Decommissioned,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Started(cause) => write!(f, "started after: {cause}"),
            Happening::Update { sequence, digest, state } => {
                write!(f, "release {sequence} (model {}) {state}", digest.model())
            }
            Happening::StorageFault { address } => write!(f, "flash error at {address:#x}"),
            Happening::ClockSet { by } => write!(f, "clock set by {by} ms"),
            Happening::KeyTrusted { key, roles } => write!(f, "key {key} is trusted for {roles}"),
            Happening::KeyRevoked(key) => write!(f, "key {key} is revoked"),
            Happening::Decommissioned => write!(f, "decommissioned"),
        }
    }
}

impl Body<'_> for Event {
    const KIND: Kind = Kind::Event;
}

impl Message<'_> for Event {}
