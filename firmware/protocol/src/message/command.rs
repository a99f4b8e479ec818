//! Orders.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::bytes::KeyId;
use crate::codec::Body;
use crate::kind::Kind;
use crate::name::Name;
use crate::signed::{Roles, SignedMessage, domain};

/// Something to do, at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Command {
    /// The fleet.
    pub fleet: Name,
    /// For whom in the fleet.
    pub target: Target,
    /// Grows with every command of the fleet.
    pub id: u64,
    /// What to do.
    pub action: Action,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Action {
    /// Reset the device.
    Reboot,
    /// Make the device find itself: a light, a log line.
    Identify {
        /// For how long.
        seconds: u16,
    },
    /// Send birth, update and outbox again.
    Birth,
    /// Trust a key, or change what a trusted one may sign.
    TrustKey {
        /// The public key.
        key: [u8; 32],
        /// What it may sign.
        roles: Roles,
    },
    /// Trust a key no longer.
    RevokeKey(KeyId),
    /// Take no more updates.
    Decommission,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Reboot => write!(f, "reboot"),
            Action::Identify { seconds } => write!(f, "identify for {seconds} s"),
            Action::Birth => write!(f, "send birth again"),
            Action::TrustKey { key, roles } => write!(f, "trust key {} for {roles}", KeyId::of(key)),
            Action::RevokeKey(key) => write!(f, "revoke key {key}"),
            Action::Decommission => write!(f, "decommission"),
        }
    }
}

impl Body<'_> for Command {
    const KIND: Kind = Kind::Command;
}

impl SignedMessage<'_> for Command {
    const DOMAIN: [u8; 24] = domain("dunlin/1/command");
    const ROLES: Roles = Roles::CONTROL.and(Roles::OWNER);

    fn required_role(&self) -> Roles {
        match self.action {
            Action::Reboot | Action::Identify { .. } | Action::Birth => Roles::CONTROL,
            Action::TrustKey { .. } | Action::RevokeKey(_) | Action::Decommission => Roles::OWNER,
        }
    }
}
