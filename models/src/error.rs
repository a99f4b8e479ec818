//! What can go wrong in training and export.

use std::path::PathBuf;

/// An error of a training pipeline.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There is no pipeline of that name.
    #[error("there is no pipeline named `{name}`; choose one of {}", crate::train::NAMES.join(", "))]
    UnknownModel {
        /// The name asked for.
        name: String,
    },
    /// A parameter that no training can work with.
    #[error("`{parameter}` must be at least {least}, but is {value}")]
    Parameter {
        /// Name of the parameter.
        parameter: &'static str,
        /// What it was.
        value: usize,
        /// The least value that works.
        least: usize,
    },
    /// Training went astray.
    #[error("the loss of epoch {epoch} is not finite; lower the learning rate")]
    Diverged {
        /// The first such epoch, from 1.
        epoch: usize,
    },
    /// A step names an input that no earlier step produces.
    #[error("step `{step}` reads `{input}`, but no earlier step has this name")]
    UnknownInput {
        /// The step.
        step: String,
        /// What it asks for.
        input: String,
    },
    /// A file cannot be read or written.
    #[error("cannot access {}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Arrays cannot be packed.
    #[error("cannot write arrays as NPZ")]
    WriteArrays(#[from] ndarray_npy::WriteNpzError),
    /// A product of a step does not hold the arrays that the next one needs.
    #[error("cannot read arrays from NPZ; remove the cache folder if an older version wrote it")]
    ReadArrays(#[from] ndarray_npy::ReadNpzError),
    /// Weights do not fit the network.
    #[error("weight `{name}` has the shape {found:?}, but the network needs {expected:?}")]
    WeightShape {
        /// Path of the weight.
        name: String,
        /// The shape in the network.
        expected: Vec<usize>,
        /// The shape of what was read.
        found: Vec<usize>,
    },
    /// A record is no valid JSON, or holds a number that JSON cannot express.
    #[error("cannot write or read a record as JSON")]
    Record(#[from] serde_json::Error),
}
