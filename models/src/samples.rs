//! The shipped models. `README.md` of this crate has the commands that made them.

use crate::data::{digits, houses};
use crate::experiment::Experiment;

/// A trained model with everything that converting and judging it takes.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Short name: `digits`, `house_price`.
    pub name: &'static str,
    /// What the model does, in one sentence.
    pub description: &'static str,
    /// What its output means.
    pub task: Task,
    /// The model: ONNX, float32, batch of 1.
    pub onnx: &'static [u8],
    /// NPZ with `x` (float32, `[n, …]`): training inputs to calibrate with.
    pub calibration: &'static [u8],
    /// NPZ with inputs that the training never saw: `x` (float32, `[n, …]`), `y` (what is true: the class as
    /// uint8 `[n]`, or the value as float32 `[n, 1]`) and `expected` (the output of the training framework,
    /// float32 `[n, outputs]`).
    pub test: &'static [u8],
    /// The names of the outputs: one per class, or that of the one value.
    pub labels: &'static [&'static str],
    /// The record of the training, JSON; see [`Sample::experiment`].
    pub experiment: &'static str,
}

/// What a model's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One probability per class.
    Classification,
    /// A value with its unit.
    Regression {
        /// Unit of the value.
        unit: &'static str,
    },
}

impl Sample {
    /// The record of the training: parameters, digests, metrics.
    ///
    /// # Errors
    ///
    /// When the record is not one of this version of the crate. The crate's tests exclude this for what ships.
    pub fn experiment(&self) -> Result<Experiment, serde_json::Error> {
        Experiment::from_json(self.experiment)
    }
}

/// All shipped models.
pub fn samples() -> &'static [Sample] {
    &SAMPLES
}

/// The shipped model of this name.
pub fn sample(name: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

static SAMPLES: [Sample; 2] = [
    Sample {
        name: "digits",
        description: "Reads a digit from a grey 16×16 image: a small convolutional classifier.",
        task: Task::Classification,
        onnx: include_bytes!("../pretrained/digits/digits.onnx"),
        calibration: include_bytes!("../pretrained/digits/calibration.npz"),
        test: include_bytes!("../pretrained/digits/inputs.npz"),
        labels: &digits::LABELS,
        experiment: include_str!("../pretrained/digits/experiment.json"),
    },
    Sample {
        name: "house_price",
        description: "Estimates the price of a house from eight numbers of very different ranges: a perceptron.",
        task: Task::Regression { unit: houses::PRICE_UNIT },
        onnx: include_bytes!("../pretrained/house_price/house_price.onnx"),
        calibration: include_bytes!("../pretrained/house_price/calibration.npz"),
        test: include_bytes!("../pretrained/house_price/inputs.npz"),
        labels: &["price"],
        experiment: include_str!("../pretrained/house_price/experiment.json"),
    },
];
