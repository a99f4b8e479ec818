//! What a device keeps in flash: two model slots, its journal and its outbox, intact after a power cut at any byte.
//!
//! ```
//! use dunlin_store::{BootCause, Layout, Sizes, Store, simulated::{SimulatedFlash, run}};
//!
//! # run(async {
//! let flash = SimulatedFlash::<8, 4096>::new(256 * 1024);
//! let layout = Layout::new(&flash, Sizes { slot_bytes: 96 * 1024, ..Sizes::default() })?;
//! let mut store = Store::open(flash, layout).await?; // only reads, whatever is there
//! store.begin_boot(BootCause::Power).await?;
//! let sequence = store.push_event(b"started").await?;
//! store.acknowledge(sequence).await?;
//! # Ok::<(), dunlin_store::Error<dunlin_store::simulated::SimulatedError>>(())
//! # }).unwrap();
//! ```
//!
//! The flash is anything with the `NorFlash` traits of `embedded-storage-async`; words are written once between two erases, as
//! flash with error correction demands. Nothing allocates, nothing panics, and every operation that takes long goes in slices.
//!
//! # What a cut leaves
//!
//! A change of [`State`] is one record with a checksum: after a cut the old state is found, or the new one. Slots trust no
//! flag: what a cut left of a download is hashed block by block against the index of the release, and what does not match is
//! fetched again. The outbox gives back each report and event until it is acknowledged; what it had to drop is counted.
//!
//! # Why a log of its own
//!
//! `sequential-storage` (8.0.2) walks past a torn header word by word and appends at the first erased word behind it, where old and new
//! bytes together may look like a header; its code can also panic, as far as a linker can tell. The log here never appends
//! behind anything torn, and every checksum covers place and age of its record.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod crc32;
mod error;
#[cfg(feature = "std")]
mod file_flash;
mod flash;
mod journal;
mod layout;
mod log;
mod mapped;
mod outbox;
#[cfg(feature = "simulation")]
pub mod simulated;
mod slot;
mod state;
mod store;
pub mod wear;

pub use error::{Error, LayoutError, Part, Refusal};
#[cfg(feature = "std")]
pub use file_flash::{FileFlash, FileFlashError};
pub use layout::{Layout, Region, Sizes, SlotId};
pub use mapped::MappedSlot;
#[cfg(feature = "std")]
pub use mapped::SlotImage;
pub use outbox::{Cursor, Item, ItemKind};
pub use slot::{BlockSize, Install, Progress, Received, SlotDigest};
pub use state::{
    BootCause, Booted, CONFIGURATION_BYTES, Configuration, KEYS, Key, Model, Progress as TrialProgress,
    REASON_BYTES, RELEASE_BYTES, RESETS, Reason, Release, State, Trial,
};
pub use store::Store;
