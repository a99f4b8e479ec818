//! The records of a blob, as `docs/format.md` specifies them. Readers and writers share these types.

pub mod attributes;
mod golden;
mod header;
#[cfg(feature = "manifest")]
mod manifest;
mod program;
#[cfg(feature = "manifest")]
mod reference;
mod weights;

pub use golden::{GOLDEN_STORED, GOLDEN_SYNTHETIC, GoldenHeader, VectorHeader};
pub use header::{FORMAT_VERSION, HEADER_BYTES, Header, MAGIC, MAX_SECTIONS, SectionEntry, section};
#[cfg(feature = "manifest")]
pub use manifest::{MAX_INTERFACES, Manifest, TensorSchema};
pub use program::{
    DataType, MAX_RANK, OPERATOR_SET, Operator, PACKING, ProgramHeader, StepRecord, Storage, TensorRecord,
};
#[cfg(feature = "manifest")]
pub use reference::{Distribution, MAX_BINS, Reference};
pub use weights::{ChannelBlock, FloatChannelBlock, FloatRow, LANES, WeightCell, convolution_cells};
