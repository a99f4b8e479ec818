//! The manifest section.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Largest number of inputs and of outputs that a manifest describes.
pub const MAX_INTERFACES: usize = 8;

/// What a blob says about itself, in postcard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// Version of this structure: 1.
    pub version: u8,
    /// Name of the model.
    pub name: &'a str,
    /// Version of the model, as its owner counts.
    pub model_version: &'a str,
    /// Name and version of the tool that wrote the blob.
    pub producer: &'a str,
    /// Inputs, in the order of the program.
    #[serde(borrow)]
    pub inputs: Vec<TensorSchema<'a>, MAX_INTERFACES>,
    /// Outputs, in the order of the program.
    pub outputs: Vec<TensorSchema<'a>, MAX_INTERFACES>,
}

/// What an input or output means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorSchema<'a> {
    /// Name in the trained model.
    pub name: &'a str,
    /// Physical unit, or empty.
    pub unit: &'a str,
    /// Lowest real value seen in calibration.
    pub low: f32,
    /// Highest real value seen in calibration.
    pub high: f32,
    /// Names of the classes or features, one a line, or empty.
    pub labels: &'a str,
    /// What happens to a sample before it is an input, in words, or empty.
    pub preprocessing: &'a str,
}

impl<'a> Manifest<'a> {
    /// Reads a manifest section. `None` if it is not one of version 1.
    pub fn parse(bytes: &'a [u8]) -> Option<Manifest<'a>> {
        postcard::from_bytes::<Manifest<'a>>(bytes).ok().filter(|manifest| manifest.version == 1)
    }
}
