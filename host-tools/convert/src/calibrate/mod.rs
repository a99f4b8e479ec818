//! What values do activations have? Runs the float model over samples and keeps a histogram for each tensor.

mod channel_mean;
mod histogram;
mod reference;

use std::collections::BTreeMap;

use dunlin_runtime::{Family, Model, Observer, Session, StepReport};
use thiserror::Error;

use crate::fidelity::fill_input;
use crate::graph::{Graph, TensorId};
use crate::pack::{AlignedBytes, Packed, ReferenceData};
use crate::quantize::Ranges;

pub use channel_mean::ChannelMean;
pub use histogram::Histogram;
use reference::{add_by_feature, distribution};

/// By how much of its width a range of n values is widened at either end: this / √n. Few values, those of a regressor's output for example, have
/// probably not shown their extremes yet.
const MARGIN: f64 = 4.0;

/// How a range is taken from a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// From the lowest to the highest value.
    MinMax,
    /// The range that this share of the values lies in.
    Percentile(f64),
}

impl Default for Method {
    /// 99.99 %: a single outlier must not cost all other values their precision.
    fn default() -> Self {
        Method::Percentile(0.9999)
    }
}

/// Why a model could not be calibrated.
#[derive(Debug, Error)]
pub enum CalibrateError {
    /// The float model could not be run.
    #[error("the float model cannot be run")]
    Run(#[from] dunlin_runtime::Error),
    /// There is no sample.
    #[error("there are no calibration samples")]
    NoSamples,
    /// An activation became NaN or infinite.
    #[error("sample {index} makes tensor `{tensor}` {value}: the model or the sample is damaged")]
    NotFinite {
        /// Index of the sample.
        index: usize,
        /// Name of the tensor.
        tensor: String,
        /// The value.
        value: f32,
    },
}

/// Histograms of all activations of a graph.
///
/// Its memory depends on the number of tensors, not on the number of samples.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    histograms: BTreeMap<TensorId, Histogram>,
    means: BTreeMap<TensorId, ChannelMean>,
    features: Vec<Histogram>,
    outputs: Vec<Histogram>,
    samples: usize,
}

impl Calibration {
    /// Number of samples seen.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The histogram of a tensor.
    pub fn histogram(&self, tensor: TensorId) -> Option<&Histogram> {
        self.histograms.get(&tensor)
    }

    /// The mean of each channel of a tensor.
    pub fn means(&self) -> BTreeMap<TensorId, Vec<f64>> {
        self.means.iter().map(|(&tensor, mean)| (tensor, mean.values())).collect()
    }

    /// How inputs and outputs are distributed, for devices to compare their data with.
    pub fn reference(&self) -> ReferenceData {
        ReferenceData {
            samples: u32::try_from(self.samples).unwrap_or(u32::MAX),
            features: self.features.iter().map(distribution).collect(),
            outputs: self.outputs.iter().map(distribution).collect(),
        }
    }

    /// A range for each tensor.
    pub fn ranges(&self, method: Method) -> Ranges {
        let range = |histogram: &Histogram| {
            let (low, high) = match method {
                Method::MinMax => histogram.extremes(),
                Method::Percentile(share) => histogram.percentile(share),
            };
            let margin = (high - low) * (MARGIN / (histogram.total().max(1) as f64).sqrt()) as f32;
            // An end at zero is that of an activation and will not be passed.
            let widen = |end: f32, margin: f32| if end == 0.0 { end } else { end + margin };
            (widen(low, -margin), widen(high, margin))
        };
        self.histograms.iter().map(|(&tensor, histogram)| (tensor, range(histogram))).collect()
    }
}

struct Recorder<'a> {
    graph: &'a Graph,
    /// The tensor that each step writes, where it is one of the graph.
    outputs: &'a [Option<TensorId>],
    histograms: &'a mut BTreeMap<TensorId, Histogram>,
    means: &'a mut BTreeMap<TensorId, ChannelMean>,
    /// First value that was not finite.
    damaged: Option<(String, f32)>,
}

impl Recorder<'_> {
    fn record(&mut self, tensor: TensorId, values: &[f32]) {
        let all_finite = self.histograms.entry(tensor).or_default().add(values);
        let channels = self.graph.shape(tensor).last().copied().unwrap_or(1);
        self.means.entry(tensor).or_default().add(channels, values);
        if !all_finite
            && self.damaged.is_none()
            && let Some(&value) = values.iter().find(|value| !value.is_finite())
        {
            self.damaged = Some((self.graph.tensor(tensor).name.clone(), value));
        }
    }
}

impl Observer for Recorder<'_> {
    fn end(&mut self, step: &StepReport<'_>) {
        if let Some(&Some(tensor)) = self.outputs.get(step.index) {
            self.record(tensor, bytemuck::cast_slice(step.bytes));
        }
    }
}

/// Runs a simplified float graph with one input over samples, one at a time.
///
/// The kernels sum in a fixed order, so the result is the same on every host.
pub struct Calibrator<'m> {
    graph: &'m Graph,
    model: Model<'m>,
    /// The tensor that each step writes, where it is one of the graph.
    outputs: Vec<Option<TensorId>>,
    arena: AlignedBytes,
    calibration: Calibration,
}

impl<'m> Calibrator<'m> {
    /// Prepares to run `graph`, which `packed` is the float blob of.
    ///
    /// # Errors
    /// [`CalibrateError::Run`] if the blob cannot be opened.
    pub fn new(graph: &'m Graph, packed: &'m Packed) -> Result<Calibrator<'m>, CalibrateError> {
        let model = Model::open(packed.blob.as_slice())?;
        Ok(Calibrator {
            graph,
            model,
            outputs: written_tensors(graph, packed),
            arena: AlignedBytes::zeroed(model.arena_bytes(Family::best())),
            calibration: Calibration::default(),
        })
    }

    /// Runs the model on one sample and counts the values of all its activations.
    ///
    /// # Errors
    /// [`CalibrateError::NotFinite`] if a value is NaN or infinite.
    pub fn add(&mut self, sample: &[f32]) -> Result<(), CalibrateError> {
        let mut session = Session::with_family(&self.model, self.arena.as_mut_slice(), Family::best())?;
        fill_input(&mut session, sample)?;
        let (graph, outputs) = (self.graph, &self.outputs[..]);
        let Calibration { histograms, means, .. } = &mut self.calibration;
        let mut recorder = Recorder { graph, outputs, histograms, means, damaged: None };
        recorder.record(graph.inputs[0], sample);
        session.run_with(&mut recorder)?;
        let damaged = recorder.damaged;
        let index = self.calibration.samples;
        if let Some((tensor, value)) = damaged {
            return Err(CalibrateError::NotFinite { index, tensor, value });
        }
        add_by_feature(&mut self.calibration.features, graph.shape(graph.inputs[0]), sample);
        add_by_feature(&mut self.calibration.outputs, graph.shape(graph.outputs[0]), session.output_f32(0)?);
        self.calibration.samples += 1;
        Ok(())
    }

    /// What was counted.
    ///
    /// # Errors
    /// [`CalibrateError::NoSamples`].
    pub fn finish(mut self) -> Result<Calibration, CalibrateError> {
        if self.calibration.samples == 0 {
            return Err(CalibrateError::NoSamples);
        }
        follow_reshapes(self.graph, &mut self.calibration);
        Ok(self.calibration)
    }
}

/// The tensor that each step writes. Of a node that takes several steps, the last one writes its output.
fn written_tensors(graph: &Graph, packed: &Packed) -> Vec<Option<TensorId>> {
    let steps = &packed.steps;
    let is_last = |index: usize| steps[index + 1..].iter().all(|later| later.node != steps[index].node);
    (0..steps.len()).map(|index| is_last(index).then(|| graph.nodes[steps[index].node].output)).collect()
}

/// A reshape is no step; its output has the values of its input, and its channels where the last axis is the same.
fn follow_reshapes(graph: &Graph, calibration: &mut Calibration) {
    for node in &graph.nodes {
        let Some(&input) = node.inputs.first() else { continue };
        if calibration.histograms.contains_key(&node.output) {
            continue;
        }
        if let Some(histogram) = calibration.histograms.get(&input).cloned() {
            calibration.histograms.insert(node.output, histogram);
        }
        let same_channels = graph.shape(input).last() == graph.shape(node.output).last();
        if let Some(mean) = calibration.means.get(&input).cloned().filter(|_| same_channels) {
            calibration.means.insert(node.output, mean);
        }
    }
}
