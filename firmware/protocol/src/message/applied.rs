//! What became of a configuration or command.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::KeyId;
use crate::codec::{Body, HIGHEST_MAJOR, LOWEST_MAJOR, Message};
use crate::identity::Boot;
use crate::kind::Kind;
use crate::signed::SignatureError;

/// The answer to a configuration or command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Applied {
    /// This boot.
    pub boot: Boot,
    /// Which of the two.
    pub order: Order,
    /// Its id, 0 if it could not be read.
    pub id: u64,
    /// The highest id accepted.
    pub accepted: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Order {
    /// A configuration.
    Configuration,
    /// A command.
    Command,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum Outcome {
    /// It is done, or about to be if it is a reboot.
    Applied,
    /// Its id is not above the highest one accepted.
    Superseded,
    /// It will not be done.
    Refused(OrderRefusal),
}

/// Why an order will not be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[expect(missing_docs, reason = "fields are what the words of Display say")]
pub enum OrderRefusal {
    /// A major version that the device does not read.
    Version { found: u8, lowest: u8, highest: u8 },
    /// No order.
    Malformed,
    /// A key that the device does not trust.
    UnknownKey(KeyId),
    /// A key that may not sign this order.
    KeyRole(KeyId),
    /// Not signed by the key that it names.
    Signature(KeyId),
    /// For another fleet.
    WrongFleet,
    /// For another device or group.
    WrongTarget,
    /// This device cannot do it.
    UnknownOrder,
    /// A value outside of its range.
    OutOfRange,
    /// No room for another key.
    KeysFull,
    /// No owner would be left.
    LastOwner,
    /// A key for which anything verifies.
    WeakKey,
    /// The flash reports errors.
    Storage,
    /// The device obeys no more.
    Decommissioned,
}

impl fmt::Display for OrderRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderRefusal::Version { found, lowest, highest } => write!(
                f,
                "the order is of protocol version {found}, the device reads {lowest} to {highest}: update its firmware"
            ),
            OrderRefusal::Malformed => write!(f, "the order is malformed, or newer than the firmware"),
            OrderRefusal::UnknownKey(key) => write!(f, "the device does not trust key {key}"),
            OrderRefusal::KeyRole(key) => write!(f, "key {key} may not sign this order"),
            OrderRefusal::Signature(key) => write!(f, "the signature is not one of key {key}"),
            OrderRefusal::WrongFleet => write!(f, "the order is for another fleet"),
            OrderRefusal::WrongTarget => write!(f, "the order is for another device or group"),
            OrderRefusal::UnknownOrder => write!(f, "this device cannot do that"),
            OrderRefusal::OutOfRange => write!(f, "a value is outside of its range"),
            OrderRefusal::KeysFull => write!(f, "the device has no room for another key: revoke one first"),
            OrderRefusal::LastOwner => write!(f, "no owner key would be left: trust another one first"),
            OrderRefusal::WeakKey => write!(f, "the key is weak: make one with `dunlin keys new`"),
            OrderRefusal::Storage => write!(f, "the flash of the device reports errors"),
            OrderRefusal::Decommissioned => write!(f, "the device is decommissioned"),
        }
    }
}

impl core::error::Error for OrderRefusal {}

impl From<SignatureError> for OrderRefusal {
    fn from(error: SignatureError) -> OrderRefusal {
        match error {
            SignatureError::Version { found } => {
                OrderRefusal::Version { found, lowest: LOWEST_MAJOR, highest: HIGHEST_MAJOR }
            }
            SignatureError::Malformed => OrderRefusal::Malformed,
            SignatureError::UnknownKey(key) => OrderRefusal::UnknownKey(key),
            SignatureError::KeyRole(key) => OrderRefusal::KeyRole(key),
            SignatureError::Signature(key) => OrderRefusal::Signature(key),
        }
    }
}

#[cfg(feature = "verify")]
impl From<crate::keys::KeyChangeError> for OrderRefusal {
    fn from(error: crate::keys::KeyChangeError) -> OrderRefusal {
        use crate::keys::KeyChangeError;
        match error {
            KeyChangeError::Full => OrderRefusal::KeysFull,
            KeyChangeError::LastOwner => OrderRefusal::LastOwner,
            KeyChangeError::Weak => OrderRefusal::WeakKey,
            KeyChangeError::Unknown(key) => OrderRefusal::UnknownKey(key),
        }
    }
}

impl Body<'_> for Applied {
    const KIND: Kind = Kind::Applied;
}

impl Message<'_> for Applied {}
