//! Training of the sample models: from a seed to ONNX, inputs and a record.
//!
//! Every pipeline has these steps, and its own way to do them:
//!
//! | step | product |
//! |---|---|
//! | `data` | training and test data, NPZ |
//! | `weights` | the trained weights and the losses, NPZ |
//! | `model` | the model, ONNX |
//! | `expected` | the framework's own outputs for the test data, NPZ |
//! | `evaluation` | the metrics, JSON |
//! | `calibration`, `inputs` | the inputs that ship with the model, NPZ |
//! | `table` | the same inputs as CSV, where they are a table |

mod digits;
mod house_price;
mod optimise;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::hexadecimal;
use crate::error::TrainError;
use crate::experiment::{Experiment, FileRecord};
use crate::pipeline::{self, Products, Progress, Step, Store};

/// The models that can be trained.
pub const NAMES: [&str; 2] = ["digits", "house_price"];

/// Inputs that ship for calibration, and as many again for tests.
pub const SHIPPED_INPUTS: usize = 200;

/// What to train with; [`None`] stands for what the shipped model was trained with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the data, the initial weights and the order of the samples.
    pub seed: u64,
    /// How often every sample is seen.
    pub epochs: Option<usize>,
    /// Number of training samples, at least [`SHIPPED_INPUTS`].
    pub training_samples: Option<usize>,
    /// Number of test samples, at least [`SHIPPED_INPUTS`].
    pub test_samples: Option<usize>,
    /// Where products of steps are kept.
    pub store: Store,
}

/// The parameters of a training, all decided.
#[derive(Clone, Copy, Debug)]
struct Parameters {
    seed: u64,
    epochs: usize,
    training_samples: usize,
    test_samples: usize,
    batch: usize,
    learning_rate: f64,
}

impl Parameters {
    /// These parameters with what `options` says otherwise.
    fn with(self, options: &Options) -> Result<Self, TrainError> {
        let at_least = |parameter, value, least| {
            if value < least { Err(TrainError::Parameter { parameter, value, least }) } else { Ok(value) }
        };
        let training_samples = options.training_samples.unwrap_or(self.training_samples);
        let test_samples = options.test_samples.unwrap_or(self.test_samples);
        Ok(Self {
            seed: options.seed,
            epochs: at_least("epochs", options.epochs.unwrap_or(self.epochs), 1)?,
            training_samples: at_least("training samples", training_samples, SHIPPED_INPUTS)?,
            test_samples: at_least("test samples", test_samples, SHIPPED_INPUTS)?,
            ..self
        })
    }

    /// What the data depends on.
    fn of_data(&self) -> Value {
        json!({ "seed": self.seed, "training_samples": self.training_samples, "test_samples": self.test_samples })
    }

    /// What the weights depend on beside the data.
    fn of_weights(&self) -> Value {
        json!({
            "seed": self.seed,
            "epochs": self.epochs,
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "optimizer": "adam",
            "schedule": "cosine",
        })
    }
}

/// The product of the step `evaluation`.
#[derive(Debug, Serialize, Deserialize)]
struct Evaluation {
    weights: usize,
    loss_per_epoch: Vec<f64>,
    metrics: BTreeMap<String, f64>,
}

/// A trained model with its inputs and its record.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The record.
    pub experiment: Experiment,
    /// Names and contents of the files, `experiment.json` last.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Trained {
    /// The content of the file of this name.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|(known, _)| known == name).map(|(_, content)| content.as_slice())
    }

    /// Writes all files into `folder`, which is created when needed. The record comes last, so that it never
    /// speaks of files that are not there.
    ///
    /// # Errors
    ///
    /// [`TrainError::File`] for the first file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), TrainError> {
        self.files.iter().try_for_each(|(name, content)| pipeline::write(&folder.join(name), content))
    }
}

/// Trains the model of this name, one of [`NAMES`].
///
/// The same options give the same bytes on the same kind of processor: training runs on one thread, and all
/// random numbers come from the seed.
///
/// # Errors
///
/// An unknown name, parameters that cannot work, a loss that is not finite, a store that cannot be written.
pub fn run(
    name: &str,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Trained, TrainError> {
    let (parameters, steps): (Parameters, fn(Parameters) -> Vec<Step<'static>>) = match name {
        "digits" => (digits::PARAMETERS, digits::steps),
        "house_price" => (house_price::PARAMETERS, house_price::steps),
        _ => return Err(TrainError::UnknownModel { name: name.into() }),
    };
    let parameters = parameters.with(options)?;
    let products = pipeline::run(name, &steps(parameters), &options.store, progress)?;
    assemble(name, &parameters, &products)
}

/// Gathers the files and writes the record.
fn assemble(name: &str, parameters: &Parameters, products: &Products) -> Result<Trained, TrainError> {
    let onnx = format!("{name}.onnx");
    let names = [
        ("model", onnx.as_str()),
        ("calibration", "calibration.npz"),
        ("inputs", "inputs.npz"),
        ("table", "inputs.csv"),
    ];
    let mut files: Vec<(String, Vec<u8>)> = names
        .iter()
        .filter_map(|(step, file)| Some(((*file).into(), products.get(step)?.to_vec())))
        .collect();
    let evaluation: Evaluation =
        serde_json::from_slice(products.get("evaluation").expect("every pipeline evaluates"))?;
    let Value::Object(mut all) = parameters.of_data() else { unreachable!("parameters are an object") };
    if let Value::Object(more) = parameters.of_weights() {
        all.extend(more);
    }
    let record = |(file, content): &(String, Vec<u8>)| {
        (file.clone(), FileRecord { bytes: content.len(), sha256: hexadecimal(content) })
    };
    let experiment = Experiment {
        model: name.into(),
        crate_version: env!("CARGO_PKG_VERSION").into(),
        architecture: std::env::consts::ARCH.into(),
        parameters: all.into_iter().collect(),
        weights: evaluation.weights,
        data_digest: products.digest("data").expect("every pipeline has data").into(),
        loss_per_epoch: evaluation.loss_per_epoch,
        metrics: evaluation.metrics,
        steps: products.records(),
        files: files.iter().map(record).collect(),
    };
    files.push(("experiment.json".into(), experiment.to_json()?.into_bytes()));
    Ok(Trained { experiment, files })
}
