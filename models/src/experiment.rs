//! The record of a training run.
//!
//! It holds no time, no path and no name of a machine: the same command gives the same record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What went into a training run and what came out. Digests are SHA-256 in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Name of the model.
    pub model: String,
    /// Version of this crate.
    pub crate_version: String,
    /// Architecture that trained. Floating-point sums differ between vector units, so that only the same
    /// kind of processor gives the same weights.
    pub architecture: String,
    /// What was asked for: seed, sizes, epochs, learning rate.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Numbers that the network holds: weights, biases and constants.
    pub weights: usize,
    /// Digest of the training data.
    pub data_digest: String,
    /// Mean training loss of each epoch.
    pub loss_per_epoch: Vec<f64>,
    /// Quality on data that the training never saw.
    pub metrics: BTreeMap<String, f64>,
    /// The pipeline's steps in their order.
    pub steps: Vec<StepRecord>,
    /// The files beside this record, by name.
    pub files: BTreeMap<String, FileRecord>,
}

/// One step of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Name of the step.
    pub name: String,
    /// Names of the steps whose products it reads.
    pub inputs: Vec<String>,
    /// Digest of what it produced.
    pub digest: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Length in bytes.
    pub bytes: usize,
    /// Digest of the content.
    pub sha256: String,
}

impl Experiment {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// When `json` is not a record of this form.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Writes the record, for people to read, with a line feed at its end.
    ///
    /// # Errors
    ///
    /// When a metric or a loss is not a finite number: JSON has no such numbers.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}
