//! NOR flash as a board would have it, in a file of the host: it outlives the emulator, and is read in place.
//!
//! The file is read into RAM at the start. A write goes to the file and to RAM, piece by piece: an emulator that is killed in
//! between leaves a torn write, as a power cut does.

mod error;
mod memory;
mod nor;

pub use error::FlashError;
pub use memory::{FlashMemory, Mapped};
pub use nor::Flash;
