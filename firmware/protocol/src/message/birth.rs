//! Who a device is, what it runs, what it can run.

use core::cmp::Ordering;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::{BlockSize, ResetCause, Will};
use crate::bytes::{Digest, KeyId, Schema};
use crate::codec::{Body, Message};
use crate::identity::{Boot, Version};
use crate::kind::Kind;
use crate::list::{List, Text};
use crate::name::Name;
use crate::signed::Roles;

/// Most keys that a device trusts.
pub const MAX_KEYS: usize = 4;

/// Most groups that a device belongs to.
pub const MAX_GROUPS: usize = 4;

/// Published after every connect, retained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Birth {
    /// This boot.
    pub boot: Boot,
    /// Connections of this boot, from 1.
    pub connection: u32,
    /// Lowest major version of payloads that the device reads.
    pub lowest_major: u8,
    /// Highest major version of payloads that the device reads.
    pub highest_major: u8,
    /// Name of the board.
    pub board: Text<32>,
    /// Version of the firmware.
    pub firmware: Text<32>,
    /// Version of the runtime.
    pub runtime: Version,
    /// Highest operator set that the runtime has.
    pub operator_set: u16,
    /// Packing of weights that the runtime reads.
    pub packing: u16,
    /// Kernel family, by its index in the program header.
    pub family: u8,
    /// Arena, in bytes.
    pub arena_bytes: u32,
    /// Stack, in bytes.
    pub stack_bytes: u32,
    /// Room for a blob and its block index, in bytes.
    pub slot_bytes: u32,
    /// Largest block that the device takes.
    pub largest_block: BlockSize,
    /// Largest MQTT packet that the device can receive, in bytes.
    pub largest_packet: u32,
    /// The two slots.
    pub slots: [SlotStatus; 2],
    /// Highest release sequence confirmed, 0 before the first.
    pub release: u64,
    /// Highest configuration id accepted, 0 before the first.
    pub configuration: u64,
    /// Highest command id accepted, 0 before the first.
    pub command: u64,
    /// Keys that the device trusts.
    pub keys: List<KeyStatus, MAX_KEYS>,
    /// Groups that the device belongs to.
    pub groups: List<Name, MAX_GROUPS>,
    /// What the application gives to a model; `None` if it takes any.
    pub input_schema: Option<Schema>,
    /// What the application takes from a model; `None` if it takes any.
    pub output_schema: Option<Schema>,
    /// Why the device was reset last.
    pub last_reset: ResetCause,
    /// Since the boot, in milliseconds.
    pub uptime: u64,
    /// The wall clock.
    pub clock: Option<u64>,
    /// The device takes no more updates.
    pub decommissioned: bool,
}

/// A key that a device trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct KeyStatus {
    /// The key's identifier.
    pub id: KeyId,
    /// What it may sign.
    pub roles: Roles,
}

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct SlotStatus {
    /// Its place in the life of an update.
    pub state: SlotState,
    /// Digest of the blob that is, or will be, in it.
    pub digest: Option<Digest>,
}

/// A slot's place in the life of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum SlotState {
    /// Nothing of use.
    Empty,
    /// A blob that is being fetched or checked.
    Incomplete,
    /// The model that served before, ready to return.
    Previous,
    /// A model on trial: it serves, and is not confirmed.
    Trial,
    /// The confirmed model that serves.
    Active,
    /// It no longer has its digest.
    Damaged,
}

impl Birth {
    /// Whether this birth is the later one. `None` if the device was provisioned anew in between.
    pub fn is_later_than(&self, other: &Birth) -> Option<bool> {
        let order = self.boot.partial_cmp(&other.boot)?.then(self.connection.cmp(&other.connection));
        Some(order == Ordering::Greater)
    }

    /// Whether `will` ends the connection that this birth began, and not an earlier one.
    pub fn is_ended_by(&self, will: &Will) -> bool {
        self.boot == will.boot && self.connection == will.connection
    }
}

impl Body<'_> for Birth {
    const KIND: Kind = Kind::Birth;
}

impl Message<'_> for Birth {}
