//! Whether a release suits a device: decided before a byte of the blob is fetched.

use crate::bytes::Schema;
use crate::identity::Version;
use crate::message::{BlockSize, Rejection, Release};
use crate::name::Name;

/// Shortest blob: its header.
const HEADER_BYTES: u32 = 256;

/// What a device is and has.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities<'a> {
    /// Its fleet.
    pub fleet: &'a Name,
    /// Its name.
    pub device: &'a Name,
    /// Its groups.
    pub groups: &'a [Name],
    /// Highest release sequence confirmed.
    pub confirmed: u64,
    /// Highest operator set.
    pub operator_set: u16,
    /// Packing of weights.
    pub packing: u16,
    /// Version of the runtime.
    pub runtime: Version,
    /// Kernel family, by its index in the program header.
    pub family: u8,
    /// Arena, in bytes.
    pub arena_bytes: u32,
    /// Room for a blob and its block index, in bytes.
    pub slot_bytes: u32,
    /// Largest block that the device takes.
    pub largest_block: BlockSize,
    /// What the application gives; `None` if that fits any model.
    pub input_schema: Option<Schema>,
    /// What the application takes; `None` if any.
    pub output_schema: Option<Schema>,
    /// The device takes no more updates.
    pub decommissioned: bool,
}

impl Capabilities<'_> {
    /// Whether a release, whose signature has been verified, may be installed.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn admit(&self, release: &Release) -> Result<(), Rejection> {
        self.is_meant(release)?;
        let geometry = release.geometry();
        let refused_if = |condition: bool, reason: Rejection| if condition { Err(reason) } else { Ok(()) };
        refused_if(
            release.blob_bytes < HEADER_BYTES || !release.blob_bytes.is_multiple_of(16),
            Rejection::Malformed,
        )?;
        let (needed, available) = (release.block, self.largest_block);
        refused_if(
            needed > available,
            Rejection::BlockTooLarge { needed: needed.bytes(), available: available.bytes() },
        )?;
        let needed = geometry.slot_bytes();
        refused_if(
            needed > self.slot_bytes.into(),
            Rejection::Slot { needed: u32::try_from(needed).unwrap_or(u32::MAX), available: self.slot_bytes },
        )?;
        self.can_run(release)
    }

    fn is_meant(&self, release: &Release) -> Result<(), Rejection> {
        if self.decommissioned {
            return Err(Rejection::Decommissioned);
        }
        if release.fleet != *self.fleet {
            return Err(Rejection::WrongFleet);
        }
        if !release.target.includes(self.device, self.groups) {
            return Err(Rejection::WrongTarget);
        }
        if release.sequence <= self.confirmed {
            return Err(Rejection::Replayed { sequence: release.sequence, confirmed: self.confirmed });
        }
        Ok(())
    }

    fn can_run(&self, release: &Release) -> Result<(), Rejection> {
        let needs = &release.needs;
        if needs.operator_set > self.operator_set {
            return Err(Rejection::OperatorSet { needed: needs.operator_set, available: self.operator_set });
        }
        if needs.packing != self.packing {
            return Err(Rejection::Packing { needed: needs.packing, available: self.packing });
        }
        if needs.runtime > self.runtime {
            return Err(Rejection::Runtime { needed: needs.runtime, available: self.runtime });
        }
        let needed = *needs.arena_bytes.get(usize::from(self.family)).ok_or(Rejection::Malformed)?;
        if needed > self.arena_bytes {
            return Err(Rejection::Arena { needed, available: self.arena_bytes });
        }
        let needed = needs.input_schema;
        if let Some(available) = self.input_schema.filter(|schema| *schema != needed) {
            return Err(Rejection::InputSchema { needed, available });
        }
        let needed = needs.output_schema;
        if let Some(available) = self.output_schema.filter(|schema| *schema != needed) {
            return Err(Rejection::OutputSchema { needed, available });
        }
        Ok(())
    }
}
