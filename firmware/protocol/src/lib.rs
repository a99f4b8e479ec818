//! Topics and messages of Dunlin devices and fleets.
//!
//! `docs/protocol.md` is the specification. The crate allocates nothing and panics on no bytes: a [`Topic`] is built from and parsed into
//! typed names, [`encode`] and [`decode`] turn a [`message`] into a payload and back, and `TrustedKeys` (feature `verify`) opens signed ones.
//! What both sides must compute alike is here too: the [`BlockIndex`] of a blob, and whether a release [suits a device](Capabilities).
#![no_std]

#[cfg(test)]
extern crate std;

mod admission;
mod block_index;
mod bytes;
mod codec;
#[cfg(feature = "verify")]
mod ed25519;
mod identity;
#[cfg(feature = "verify")]
mod keys;
mod kind;
mod list;
pub mod message;
mod name;
mod schema;
#[cfg(feature = "sign")]
mod sign;
mod signed;
mod topic;

pub use admission::Capabilities;
pub use block_index::{
    BLOCK_HASH_BYTES, BlockHash, BlockIndex, Geometry, IndexError, block_hash, write_index,
};
pub use bytes::{ContentId, Digest, KeyId, ModelId, Nonce, Schema};
pub use codec::{Body, DecodeError, EncodeError, HIGHEST_MAJOR, LOWEST_MAJOR, Message, decode, encode};
pub use identity::{Boot, Version};
#[cfg(feature = "verify")]
pub use keys::{KeyChangeError, TrustedKey, TrustedKeys};
pub use kind::{Direction, Kind};
pub use list::{List, Text};
pub use name::{MAX_NAME, Name, NameError};
pub use postcard::experimental::max_size::MaxSize;
pub use schema::{Interface, schema};
#[cfg(feature = "sign")]
pub use sign::{SignError, SigningKey};
pub use signed::{ENVELOPE_BYTES, Envelope, Roles, SignatureError, SignedMessage};
pub use topic::{MAX_TOPIC, Topic, TopicError, device_subscription, fleet_subscription};
