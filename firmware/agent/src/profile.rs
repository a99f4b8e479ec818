//! What a device is told about itself when it starts.

use dunlin_protocol::message::{BlockSize, MAX_GROUPS};
use dunlin_protocol::{Capabilities, List, Name, Nonce, Schema, Text, TrustedKeys, Version};
use dunlin_runtime::Family;
use dunlin_runtime::format::{OPERATOR_SET, PACKING};

/// Who the device is, from provisioning, and what it can do, from its firmware.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The fleet.
    pub fleet: Name,
    /// The device.
    pub device: Name,
    /// Its groups.
    pub groups: List<Name, MAX_GROUPS>,
    /// Drawn when the device was provisioned.
    pub nonce: Nonce,
    /// Keys trusted from provisioning on, until a command changes them.
    pub keys: TrustedKeys,
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
    /// Kernels that run models.
    pub family: Family,
    /// Stack, in bytes.
    pub stack_bytes: u32,
    /// Largest block that the device takes: its receive buffer must hold [`Body::MAX_BODY`](dunlin_protocol::Body::MAX_BODY) of one.
    pub largest_block: BlockSize,
    /// Most blocks asked for at once, 1 to 32: as many as the receive buffers of the network can take.
    pub window: u8,
    /// Largest MQTT packet that the device can receive, in bytes.
    pub largest_packet: u32,
    /// What the application gives to a model; `None` if it fits any.
    pub input_schema: Option<Schema>,
    /// What the application takes from a model; `None` if it takes any.
    pub output_schema: Option<Schema>,
    /// Length of a telemetry window until a configuration says otherwise, in seconds.
    pub telemetry_period: u32,
}

impl Profile {
    /// A device with the runtime that this crate is built with. Blocks of 1 KiB, 8 at a time, a minute of telemetry.
    pub fn new(fleet: Name, device: Name, nonce: Nonce, keys: TrustedKeys) -> Profile {
        Profile {
            fleet,
            device,
            groups: List::new(),
            nonce,
            keys,
            board: Text::default(),
            firmware: Text::cut(env!("CARGO_PKG_VERSION")),
            runtime: RUNTIME,
            operator_set: OPERATOR_SET,
            packing: PACKING,
            family: Family::best(),
            stack_bytes: 0,
            largest_block: BlockSize::KiB1,
            window: 8,
            largest_packet: 1400,
            input_schema: None,
            output_schema: None,
            telemetry_period: 60,
        }
    }

    pub(crate) fn capabilities(
        &self,
        confirmed: u64,
        arena_bytes: u32,
        slot_bytes: u32,
        decommissioned: bool,
    ) -> Capabilities<'_> {
        Capabilities {
            fleet: &self.fleet,
            device: &self.device,
            groups: &self.groups,
            confirmed,
            operator_set: self.operator_set,
            packing: self.packing,
            runtime: self.runtime,
            family: self.family as u8,
            arena_bytes,
            slot_bytes,
            largest_block: self.largest_block,
            input_schema: self.input_schema,
            output_schema: self.output_schema,
            decommissioned,
        }
    }
}

/// All crates of this repository have one version, the runtime too.
const RUNTIME: Version = Version {
    major: number(env!("CARGO_PKG_VERSION_MAJOR")),
    minor: number(env!("CARGO_PKG_VERSION_MINOR")),
    patch: number(env!("CARGO_PKG_VERSION_PATCH")),
};

const fn number(digits: &str) -> u16 {
    match u16::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}
