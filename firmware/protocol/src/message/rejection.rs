//! Why a release was not installed.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::{KeyId, Schema};
use crate::codec::{HIGHEST_MAJOR, LOWEST_MAJOR};
use crate::identity::Version;
use crate::signed::SignatureError;

/// Why a release was not installed. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[expect(missing_docs, reason = "fields are what the words of Display say")]
pub enum Rejection {
    /// A major version that the device does not read.
    Version { found: u8, lowest: u8, highest: u8 },
    /// No release, or one that contradicts itself.
    Malformed,
    /// A key that the device does not trust.
    UnknownKey(KeyId),
    /// A key that may not sign releases.
    KeyRole(KeyId),
    /// Not signed by the key that it names.
    Signature(KeyId),
    /// For another fleet.
    WrongFleet,
    /// For another device or group.
    WrongTarget,
    /// Not above the highest sequence confirmed.
    Replayed { sequence: u64, confirmed: u64 },
    /// The runtime lacks operators.
    OperatorSet { needed: u16, available: u16 },
    /// Weights in an order that the runtime does not read.
    Packing { needed: u16, available: u16 },
    /// The arena is too small.
    Arena { needed: u32, available: u32 },
    /// The application gives other samples.
    InputSchema { needed: Schema, available: Schema },
    /// The application expects other results.
    OutputSchema { needed: Schema, available: Schema },
    /// The runtime is too old.
    Runtime { needed: Version, available: Version },
    /// Blob and block index do not fit into a slot.
    Slot { needed: u32, available: u32 },
    /// Larger blocks than the device takes.
    BlockTooLarge { needed: u32, available: u32 },
    /// The fleet does not have the content.
    Unavailable,
    /// The block index does not have the digest of the release.
    Index,
    /// The blob does not have the digest of the release.
    Digest,
    /// No trusted content key signed the blob.
    ContentSignature,
    /// The runtime refuses the blob.
    Blob { code: u16 },
    /// The blob has no golden vectors.
    NoGolden,
    /// A golden vector gave another result.
    Golden { vector: u32 },
    /// Both models together do not fit into the arena.
    ShadowArena { needed: u32, available: u32 },
    /// The models agreed too seldom.
    ShadowAgreement { compared: u32, agreed: u32, needed: u16 },
    /// The flash reports errors.
    Storage,
    /// A release of a higher sequence came.
    Superseded { by: u64 },
    /// The device takes no more updates.
    Decommissioned,
    /// The device was reset by faults while it fetched and tested the model.
    Resets { found: u32, limit: u32 },
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::Version { found, lowest, highest } => write!(
                f,
                "the release is of protocol version {found}, the device reads {lowest} to {highest}: update its firmware"
            ),
            Rejection::Malformed => write!(f, "the release is malformed or contradicts itself"),
            Rejection::UnknownKey(key) => write!(f, "the device does not trust key {key}"),
            Rejection::KeyRole(key) => write!(f, "key {key} may not sign releases"),
            Rejection::Signature(key) => write!(f, "the signature is not one of key {key}"),
            Rejection::WrongFleet => write!(f, "the release is for another fleet"),
            Rejection::WrongTarget => write!(f, "the release is for another device or group"),
            Rejection::Replayed { sequence, confirmed } => write!(
                f,
                "sequence {sequence} is not above {confirmed}, which is confirmed: sign a new release"
            ),
            Rejection::OperatorSet { needed, available } => {
                write!(f, "the model needs operator set {needed}, the runtime has {available}")
            }
            Rejection::Packing { needed, available } => {
                write!(f, "weights are in packing {needed}, the runtime reads {available}")
            }
            Rejection::Arena { needed, available } => {
                write!(f, "the model needs an arena of {needed} bytes, the device has {available}")
            }
            Rejection::InputSchema { needed, available } => {
                write!(f, "the model takes inputs of schema {needed}, the application gives {available}")
            }
            Rejection::OutputSchema { needed, available } => {
                write!(f, "the model gives outputs of schema {needed}, the application takes {available}")
            }
            Rejection::Runtime { needed, available } => {
                write!(f, "the model needs runtime {needed}, the device has {available}")
            }
            Rejection::Slot { needed, available } => {
                write!(f, "blob and block index take {needed} bytes, a slot has {available}")
            }
            Rejection::BlockTooLarge { needed, available } => {
                write!(f, "the release has blocks of {needed} bytes, the device takes {available}")
            }
            Rejection::Unavailable => write!(f, "the fleet does not have the content of the release"),
            Rejection::Index => write!(f, "the block index does not have the digest of the release"),
            Rejection::Digest => write!(f, "the blob does not have the digest of the release"),
            Rejection::ContentSignature => {
                write!(f, "no trusted content key signed the blob: sign it with `dunlin sign`")
            }
            Rejection::Blob { code } => write!(f, "the runtime refuses the blob (code {code})"),
            Rejection::NoGolden => {
                write!(f, "the blob has no golden vectors: convert it without `--golden none`")
            }
            Rejection::Golden { vector } => {
                write!(f, "golden vector {vector} gave another result on the device")
            }
            Rejection::ShadowArena { needed, available } => {
                write!(f, "both models need {needed} bytes of arena, the device has {available}")
            }
            Rejection::ShadowAgreement { compared, agreed, needed } => write!(
                f,
                "the models agreed on {agreed} of {compared} samples, {needed} per mille are needed"
            ),
            Rejection::Storage => write!(f, "the flash of the device reports errors"),
            Rejection::Superseded { by } => write!(f, "release {by} came instead"),
            Rejection::Decommissioned => write!(f, "the device is decommissioned"),
            Rejection::Resets { found, limit } => {
                write!(
                    f,
                    "{found} resets by faults while the model was fetched and tested, {limit} may happen"
                )
            }
        }
    }
}

impl core::error::Error for Rejection {}

impl From<SignatureError> for Rejection {
    fn from(error: SignatureError) -> Rejection {
        match error {
            SignatureError::Version { found } => {
                Rejection::Version { found, lowest: LOWEST_MAJOR, highest: HIGHEST_MAJOR }
            }
            SignatureError::Malformed => Rejection::Malformed,
            SignatureError::UnknownKey(key) => Rejection::UnknownKey(key),
            SignatureError::KeyRole(key) => Rejection::KeyRole(key),
            SignatureError::Signature(key) => Rejection::Signature(key),
        }
    }
}
