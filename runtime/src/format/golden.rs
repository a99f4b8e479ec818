//! The golden section: test vectors.

use bytemuck::{Pod, Zeroable};

/// Kind of a vector whose inputs are made from its seed.
pub const GOLDEN_SYNTHETIC: u32 = 0;
/// Kind of a vector whose inputs are stored.
pub const GOLDEN_STORED: u32 = 1;

/// Header of the golden section.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct GoldenHeader {
    /// Number of vectors.
    pub count: u32,
    /// Largest absolute difference of float32 outputs.
    pub tolerance: f32,
    /// Zero.
    pub reserved: [u32; 2],
}

/// Header of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct VectorHeader {
    /// [`GOLDEN_SYNTHETIC`] or [`GOLDEN_STORED`].
    pub kind: u32,
    /// Seed of a synthetic vector, not 0.
    pub seed: u32,
    /// FNV-1a over the outputs of all steps, 0 for programs with float32 tensors.
    pub trace: u32,
    /// Zero.
    pub reserved: u32,
}
