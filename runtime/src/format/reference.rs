//! The reference section: how inputs and outputs are distributed in the calibration data.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Largest number of bins of a distribution.
pub const MAX_BINS: usize = 16;

/// A histogram of one feature or output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Ascending inner edges: n edges make n + 1 bins, the first and last one open.
    pub edges: Vec<f32, MAX_BINS>,
    /// Number of calibration values in each bin.
    pub counts: Vec<u32, { MAX_BINS + 1 }>,
}

/// A reference section, in postcard: this header, then `features` and then `outputs` distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Version of this structure: 1.
    pub version: u8,
    /// Number of calibration samples.
    pub samples: u32,
    /// Number of distributions of the first input: one a feature for the last dimension of a vector, otherwise one for all.
    pub features: u16,
    /// Number of distributions of the first output, likewise.
    pub outputs: u16,
}
