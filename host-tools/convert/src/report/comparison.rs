//! A quantized model held against its float parent over many samples.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fidelity::{Deviation, Pair};

/// What is true of the samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// The number of the right class for each sample.
    Classes(Vec<usize>),
    /// The right values of the first output, sample after sample.
    Values(Vec<f32>),
}

/// How two models differ over a set of samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of samples.
    pub samples: usize,
    /// Deviation of each layer that both models have, in the order of the quantized model.
    pub layers: Vec<LayerDeviation>,
    /// Deviation of each output.
    pub outputs: Vec<OutputDeviation>,
    /// Top classes, where the first output is one score per class.
    pub classification: Option<Classification>,
    /// Errors against the true values, where they are given.
    pub regression: Option<Regression>,
    /// Errors against the input, where output and input have the same number of elements, as in an autoencoder.
    pub reconstruction: Option<Regression>,
}

/// How far a layer is from its float parent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerDeviation {
    /// Name of the layer.
    pub name: String,
    /// Signal to quantization noise in decibels; `None` where nothing differs.
    pub sqnr_db: Option<f64>,
    /// Largest absolute difference.
    pub worst_error: f64,
}

/// How far an output is from the float model's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputDeviation {
    /// Index of the output.
    pub output: usize,
    /// Signal to quantization noise in decibels; `None` where nothing differs.
    pub sqnr_db: Option<f64>,
    /// Largest absolute difference.
    pub worst_error: f64,
}

/// How the two models classify.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// Number of classes.
    pub classes: usize,
    /// Samples for which both models prefer the same class, in percent.
    pub agreement_percent: f64,
    /// Samples that the float model classifies rightly, in percent, where labels are given.
    pub float_accuracy_percent: Option<f64>,
    /// Samples that the quantized model classifies rightly, in percent, where labels are given.
    pub quantized_accuracy_percent: Option<f64>,
    /// For each true class how often the quantized model preferred each class, where labels are given.
    pub confusion: Option<Vec<Vec<u32>>>,
}

impl Comparison {
    /// What [`convert`](crate::convert()) measured over `samples` samples: `layers` by name, in the order of `names`.
    pub fn of_deviations(
        samples: usize,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        layers: &BTreeMap<String, Deviation>,
        outputs: &[Deviation],
    ) -> Comparison {
        let layer = |name: &str| Some(LayerDeviation::new(name, layers.get(name)?));
        Comparison {
            samples,
            layers: names.into_iter().filter_map(|name| layer(name.as_ref())).collect(),
            outputs: outputs.iter().enumerate().map(OutputDeviation::new).collect(),
            classification: None,
            regression: None,
            reconstruction: None,
        }
    }
}

impl LayerDeviation {
    fn new(name: &str, deviation: &Deviation) -> LayerDeviation {
        LayerDeviation { name: name.to_owned(), sqnr_db: decibels(deviation), worst_error: deviation.worst }
    }
}

impl OutputDeviation {
    fn new((output, deviation): (usize, &Deviation)) -> OutputDeviation {
        OutputDeviation { output, sqnr_db: decibels(deviation), worst_error: deviation.worst }
    }
}

impl Classification {
    /// Points of accuracy that the quantized model loses; negative if it gains. `None` without labels.
    pub fn accuracy_drop(&self) -> Option<f64> {
        Some(self.float_accuracy_percent? - self.quantized_accuracy_percent?)
    }
}

/// Errors of both models against the same values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regression {
    /// Mean squared error of the float model.
    pub float_mean_squared_error: f64,
    /// Mean squared error of the quantized model.
    pub quantized_mean_squared_error: f64,
    /// How much larger the quantized model's root mean squared error is, in percent of the float model's.
    pub increase_percent: f64,
}

fn decibels(deviation: &Deviation) -> Option<f64> {
    let sqnr = deviation.sqnr();
    sqnr.is_finite().then_some(sqnr)
}

/// Sums of squared errors of both models.
#[derive(Debug, Clone, Copy, Default)]
struct Errors {
    float: f64,
    quantized: f64,
    count: u64,
}

impl Errors {
    fn add(&mut self, expected: &[f32], float: &[f32], quantized: &[f32]) {
        let squares = |found: &[f32]| {
            expected.iter().zip(found).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
        };
        self.float += squares(float);
        self.quantized += squares(quantized);
        self.count += expected.len() as u64;
    }

    fn finish(self) -> Option<Regression> {
        let (float, quantized) = (self.float / self.count as f64, self.quantized / self.count as f64);
        (self.count > 0).then(|| Regression {
            float_mean_squared_error: float,
            quantized_mean_squared_error: quantized,
            increase_percent: if quantized == float {
                0.0
            } else {
                ((quantized / float).sqrt() - 1.0) * 100.0
            },
        })
    }
}

/// Counts of top classes.
#[derive(Debug, Clone, Default)]
struct Votes {
    classes: usize,
    agreeing: usize,
    float_right: usize,
    quantized_right: usize,
    confusion: Vec<Vec<u32>>,
}

/// Compares two models sample by sample.
pub struct Comparer<'m> {
    pair: Pair<'m>,
    order: Vec<&'m str>,
    truth: Option<Truth>,
    samples: usize,
    votes: Votes,
    regression: Errors,
    reconstruction: Errors,
}

impl<'m> Comparer<'m> {
    /// Prepares to compare; `names` are those of the quantized model's layers in their order, `truth` has an entry for
    /// each sample to come.
    pub fn new(pair: Pair<'m>, names: &'m [String], truth: Option<Truth>) -> Comparer<'m> {
        let order = names.iter().map(String::as_str).collect();
        let (votes, regression, reconstruction) = Default::default();
        Comparer { pair, order, truth, samples: 0, votes, regression, reconstruction }
    }

    /// Runs both models on one sample, in the order of the models' input.
    ///
    /// # Errors
    /// If a model cannot be run.
    pub fn add(&mut self, sample: &[f32]) -> Result<(), dunlin_runtime::Error> {
        let (float, quantized) = self.pair.run(sample)?;
        if float.len() == sample.len() {
            self.reconstruction.add(sample, &float, &quantized);
        } else if float.len() > 1 {
            self.vote(&float, &quantized);
        }
        if let Some(Truth::Values(values)) = &self.truth
            && let Some(expected) = values.chunks_exact(float.len()).nth(self.samples)
        {
            self.regression.add(expected, &float, &quantized);
        }
        self.samples += 1;
        Ok(())
    }

    fn vote(&mut self, float: &[f32], quantized: &[f32]) {
        let (float_class, quantized_class) = (top(float), top(quantized));
        let votes = &mut self.votes;
        votes.classes = float.len();
        votes.agreeing += usize::from(float_class == quantized_class);
        if let Some(Truth::Classes(labels)) = &self.truth
            && let Some(&label) = labels.get(self.samples)
            && label < votes.classes
        {
            votes.float_right += usize::from(float_class == label);
            votes.quantized_right += usize::from(quantized_class == label);
            votes.confusion.resize(votes.classes, vec![0; votes.classes]);
            votes.confusion[label][quantized_class] += 1;
        }
    }

    /// What the samples showed.
    pub fn finish(self) -> Comparison {
        let percent = |count: usize| 100.0 * count as f64 / self.samples.max(1) as f64;
        let layers = self.order.iter().filter_map(|&name| {
            let deviation = self.pair.layers().get(name)?;
            Some(LayerDeviation::new(name, deviation))
        });
        let outputs = self.pair.outputs().iter().enumerate().map(OutputDeviation::new);
        let votes = &self.votes;
        let labelled = !votes.confusion.is_empty();
        let classification = (votes.classes > 0).then(|| Classification {
            classes: votes.classes,
            agreement_percent: percent(votes.agreeing),
            float_accuracy_percent: labelled.then(|| percent(votes.float_right)),
            quantized_accuracy_percent: labelled.then(|| percent(votes.quantized_right)),
            confusion: labelled.then(|| votes.confusion.clone()),
        });
        Comparison {
            samples: self.samples,
            layers: layers.collect(),
            outputs: outputs.collect(),
            classification,
            regression: self.regression.finish(),
            reconstruction: self.reconstruction.finish(),
        }
    }
}

/// The first index of the greatest score.
fn top(scores: &[f32]) -> usize {
    let greater =
        |best: usize, (index, &score): (usize, &f32)| if score > scores[best] { index } else { best };
    scores.iter().enumerate().fold(0, greater)
}
