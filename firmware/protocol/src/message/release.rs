//! Permission to install a blob.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::block_index::Geometry;
use crate::bytes::{Digest, Schema};
use crate::codec::Body;
use crate::identity::Version;
use crate::kind::Kind;
use crate::name::Name;
use crate::signed::{Roles, SignedMessage, domain};

/// Who may install what, and how it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Release {
    /// The fleet.
    pub fleet: Name,
    /// For whom in the fleet.
    pub target: Target,
    /// Grows with every release of the fleet.
    pub sequence: u64,
    /// Digest in the blob's header.
    pub digest: Digest,
    /// Length of the blob.
    pub blob_bytes: u32,
    /// Length of the blocks.
    pub block: BlockSize,
    /// SHA-256 of the block index.
    pub index_digest: Digest,
    /// What the blob needs.
    pub needs: Needs,
    /// What the new model must do before it is confirmed.
    pub trial: Trial,
    /// Whether both models run side by side before that.
    pub shadow: Option<Shadow>,
}

/// Length of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, MaxSize)]
pub enum BlockSize {
    /// 1024 bytes.
    KiB1,
    /// 2048 bytes.
    KiB2,
    /// 4096 bytes.
    KiB4,
}

impl BlockSize {
    /// All of them, ascending.
    pub const ALL: [BlockSize; 3] = [BlockSize::KiB1, BlockSize::KiB2, BlockSize::KiB4];

    /// Length in bytes.
    pub const fn bytes(self) -> u32 {
        match self {
            BlockSize::KiB1 => 1024,
            BlockSize::KiB2 => 2048,
            BlockSize::KiB4 => 4096,
        }
    }
}

/// What a blob needs of device and application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Needs {
    /// Operator set.
    pub operator_set: u16,
    /// Packing of weights.
    pub packing: u16,
    /// Lowest version of the runtime.
    pub runtime: Version,
    /// Arena by kernel family, in bytes, as the blob states it.
    pub arena_bytes: [u32; 8],
    /// What goes in.
    pub input_schema: Schema,
    /// What comes out.
    pub output_schema: Schema,
}

/// What a model on trial must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Trial {
    /// Inferences that it must have made,
    pub inferences: u32,
    /// and seconds that must have passed.
    pub seconds: u32,
    /// Seconds after which the previous model returns if they have not; 0: none.
    pub deadline: u32,
    /// Most inferences that may fail.
    pub errors: u32,
    /// Budget of one inference, in µs; 0: none.
    pub latency: u32,
    /// How many inferences may exceed it, per mille.
    pub over_budget: u16,
    /// Most resets that may happen.
    pub resets: u32,
}

/// How a model is compared with the one that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Shadow {
    /// Samples to compare.
    pub samples: u32,
    /// How many must agree, per mille.
    pub agreement: u16,
}

impl Release {
    /// The blocks of blob and index.
    pub const fn geometry(&self) -> Geometry {
        Geometry { blob_bytes: self.blob_bytes, block: self.block }
    }
}

impl Body<'_> for Release {
    const KIND: Kind = Kind::Release;
}

impl SignedMessage<'_> for Release {
    const DOMAIN: [u8; 24] = domain("dunlin/1/release");
    const ROLES: Roles = Roles::RELEASE;

    fn required_role(&self) -> Roles {
        Roles::RELEASE
    }
}
