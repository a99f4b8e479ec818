//! What the caller may add to a graph.

use dunlin_runtime::format::Distribution;

/// What a blob says beside its program.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PackOptions {
    /// Name of the model; empty for the graph's.
    pub name: String,
    /// Version of the model, as its owner counts.
    pub model_version: String,
    /// Inputs, in the graph's order; what is left out is described by the graph alone.
    pub inputs: Vec<InterfaceDescription>,
    /// Outputs, likewise.
    pub outputs: Vec<InterfaceDescription>,
    /// Test vectors.
    pub golden: Golden,
    /// How inputs and outputs are distributed in the calibration data.
    pub reference: Option<ReferenceData>,
}

/// What an input or output means.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InterfaceDescription {
    /// Lowest and highest real value seen in calibration. Synthetic vectors of a float32 input are drawn from it,
    /// widened to contain 0, or from −1 to 1.
    pub range: Option<(f32, f32)>,
    /// Physical unit, or empty.
    pub unit: String,
    /// Names of the classes or features, without line feeds, or none.
    pub labels: Vec<String>,
    /// What happens to a sample before it is an input, in words, or empty.
    pub preprocessing: String,
}

/// Which test vectors a blob carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Golden {
    /// None.
    #[default]
    None,
    /// Vectors whose inputs are made from a seed, so that only outputs take flash.
    Synthetic {
        /// How many.
        count: u32,
    },
    /// Vectors with stored inputs: for each vector, for each model input, its bytes: int8, or little-endian float32, in
    /// the order n, h, w, c.
    Stored(Vec<Vec<Vec<u8>>>),
}

/// The content of the reference section.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceData {
    /// Number of calibration samples.
    pub samples: u32,
    /// Distributions of the first input: one a feature, or one for all.
    pub features: Vec<Distribution>,
    /// Distributions of the first output, likewise.
    pub outputs: Vec<Distribution>,
}
