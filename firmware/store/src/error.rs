//! Why the store did not do what it was asked to.

use core::fmt;

use crate::SlotId;

/// Why an operation was not carried out. `E` is the error of the flash driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The driver could not read, write or erase. After a failed write the flash holds the old or the new state.
    Flash(E),
    /// The regions do not fit into the flash.
    Layout(LayoutError),
    /// No sector of this part takes data any more.
    WornOut(Part),
    /// The newest state was written by a firmware with another encoding, of this version.
    UnknownState(u8),
    /// The state does not allow this change.
    Refused(Refusal),
    /// A report or event does not fit into a sector of the outbox, both in bytes.
    ItemTooLarge {
        /// Length of the item.
        found: usize,
        /// What fits.
        limit: usize,
    },
    /// The buffer is shorter than the item, both in bytes.
    BufferTooSmall {
        /// Length of the buffer.
        found: usize,
        /// Length of the item.
        needed: usize,
    },
    /// Blob and block index together do not fit into a slot, both in bytes.
    BlobTooLarge {
        /// What they occupy, in whole erase sectors.
        needed: u64,
        /// What a slot has.
        available: u32,
    },
    /// An erase sector holds more than 64 blocks of this length, both in bytes. Longer blocks work.
    BlocksTooShort {
        /// Length of a block.
        block: u32,
        /// Length of an erase sector.
        sector: u32,
    },
    /// The block index does not have the digest that the release states. It is fetched again from its start.
    IndexMismatch,
    /// A block does not have the hash that the index states.
    BlockMismatch(u32),
    /// Nothing asked for this piece: it is not missing, of another length, or out of turn. Its block number or offset.
    Unexpected(u32),
}

/// Why the regions do not fit into the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// Reads or writes in units that are no power of two, or longer than 32 bytes.
    UnsupportedUnit(usize),
    /// Erase sectors whose length is no power of two, or shorter than 256 bytes.
    UnsupportedErase(usize),
    /// Slots are whole erase sectors; this length is not.
    SlotNotWhole(u32),
    /// A sector of the logs is whole erase sectors of 2 KiB to 256 KiB together; this length is not.
    LogSector(u32),
    /// Too few sectors for a part, or more than 255.
    SectorCount {
        /// Whose sectors.
        part: Part,
        /// How many were asked for.
        found: u32,
        /// The fewest that work.
        least: u32,
    },
    /// All parts together are longer than the flash, both in bytes.
    FlashTooSmall {
        /// What the parts occupy.
        needed: u64,
        /// Capacity of the flash.
        available: usize,
    },
}

/// A part of the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A model slot.
    Slot(SlotId),
    /// The journal.
    Journal,
    /// Telemetry reports that wait to be stored by the fleet.
    Reports,
    /// Events that wait to be stored by the fleet.
    Events,
}

/// Why the state does not allow a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A model is on trial. Offer the release again when the trial is over.
    TrialRunning,
    /// No model is on trial.
    NoTrial,
    /// No release is being installed, or another one than the caller holds.
    NotInstalling,
    /// The slot does not hold all blocks yet.
    Incomplete,
    /// The release is not newer than what was confirmed.
    StaleRelease {
        /// Its sequence.
        offered: u64,
        /// The highest sequence that was confirmed.
        confirmed: u64,
    },
    /// Not newer than the last accepted configuration or command.
    Superseded {
        /// The id that came.
        offered: u64,
        /// The id that was accepted before.
        accepted: u64,
    },
    /// The device was decommissioned: it installs nothing any more.
    Decommissioned,
}

impl<E> From<Refusal> for Error<E> {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

impl<E> From<LayoutError> for Error<E> {
    fn from(error: LayoutError) -> Self {
        Error::Layout(error)
    }
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Flash(error) => write!(f, "the flash driver failed: {error:?}"),
            Error::Layout(error) => error.fmt(f),
            Error::WornOut(part) => {
                write!(f, "{part} has no sector left that takes data: the flash is worn out")
            }
            Error::UnknownState(version) => {
                write!(
                    f,
                    "the journal has encoding {version}, which this firmware does not read: install a newer firmware"
                )
            }
            Error::Refused(refusal) => refusal.fmt(f),
            Error::ItemTooLarge { found, limit } => {
                write!(f, "an item of {found} bytes does not fit into the outbox, which takes {limit}")
            }
            Error::BufferTooSmall { found, needed } => {
                write!(f, "the item has {needed} bytes, the buffer only {found}")
            }
            Error::BlobTooLarge { needed, available } => {
                write!(f, "blob and block index need {needed} bytes, a slot has {available}")
            }
            Error::BlocksTooShort { block, sector } => {
                write!(
                    f,
                    "blocks of {block} bytes are too short for erase sectors of {sector}: at most 64 may share one"
                )
            }
            Error::IndexMismatch => {
                write!(f, "the block index does not have the digest of the release: it will be fetched again")
            }
            Error::BlockMismatch(block) => {
                write!(f, "block {block} does not have the hash of the index: fetch it again")
            }
            Error::Unexpected(place) => {
                write!(f, "nothing asked for the piece at {place}, or not with this length")
            }
        }
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::UnsupportedUnit(bytes) => {
                write!(
                    f,
                    "the flash is read or written in units of {bytes} bytes; powers of two up to 32 are supported"
                )
            }
            LayoutError::UnsupportedErase(bytes) => {
                write!(
                    f,
                    "the flash is erased in sectors of {bytes} bytes; powers of two from 256 are supported"
                )
            }
            LayoutError::SlotNotWhole(bytes) => {
                write!(f, "a slot of {bytes} bytes is not a number of whole erase sectors")
            }
            LayoutError::LogSector(bytes) => {
                write!(
                    f,
                    "log sectors of {bytes} bytes are not whole erase sectors of 2 KiB to 256 KiB together"
                )
            }
            LayoutError::SectorCount { part, found, least } => {
                write!(f, "{part} is asked to have {found} sectors; {least} to 255 work")
            }
            LayoutError::FlashTooSmall { needed, available } => {
                write!(f, "the parts need {needed} bytes of flash, there are {available}")
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Slot(slot) => write!(f, "slot {slot}"),
            Part::Journal => write!(f, "the journal"),
            Part::Reports => write!(f, "the outbox of reports"),
            Part::Events => write!(f, "the outbox of events"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TrialRunning => {
                write!(f, "a model is on trial: offer the release again when the trial is over")
            }
            Refusal::NoTrial => write!(f, "no model is on trial"),
            Refusal::NotInstalling => write!(f, "this release is not being installed"),
            Refusal::Incomplete => write!(f, "the slot does not hold all blocks of the release yet"),
            Refusal::StaleRelease { offered, confirmed } => {
                write!(f, "release {offered} is not newer than release {confirmed}, which was confirmed")
            }
            Refusal::Superseded { offered, accepted } => {
                write!(f, "id {offered} is not newer than id {accepted}, which was accepted")
            }
            Refusal::Decommissioned => write!(f, "the device is decommissioned and installs nothing"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}
impl core::error::Error for LayoutError {}
impl core::error::Error for Refusal {}
