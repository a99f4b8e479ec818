//! From a float graph to an int8 one: per-channel symmetric weights, asymmetric activations.

mod activations;
mod border;
pub mod range;
mod weights;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::graph::{DataType, Graph, Node, Operator, TensorId};

/// Lowest and highest real value of activations, by calibration.
pub type Ranges = BTreeMap<TensorId, (f32, f32)>;
/// Mean of each channel of activations, by calibration.
pub type ChannelMeans = BTreeMap<TensorId, Vec<f64>>;

/// Why a graph could not be quantized.
#[derive(Debug, Error)]
pub enum QuantizeError {
    /// Calibration saw no value of a tensor.
    #[error("no calibration values for tensor `{tensor}`: calibrate with at least one sample")]
    MissingRange {
        /// The tensor's name.
        tensor: String,
    },
    /// Weights or a bias are not float constants.
    #[error(
        "node `{node}` ({operator}) has weights that are computed when the model runs; only constant weights can be quantized"
    )]
    VariableWeights {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: &'static str,
    },
    /// A constant holds NaN or an infinite value.
    #[error("constant `{tensor}` holds a value that is not finite: the trained model is damaged")]
    NotFinite {
        /// The tensor's name.
        tensor: String,
    },
}

/// Quantizes a simplified float graph; its tensors get other ids.
///
/// Element-wise operators that scale or shift each feature of a model input by its own constants stay in float32, and so does that
/// input: one scale for features of very different ranges would lose the small ones. Everything else becomes int8.
///
/// # Errors
/// See [`QuantizeError`].
pub fn quantize(mut graph: Graph, ranges: &Ranges, means: &ChannelMeans) -> Result<Graph, QuantizeError> {
    let mut ranges = ranges.clone();
    pool_as_mean(&mut graph);
    let stays_float = border::leading_feature_scaling(&graph);
    activations::share_concat_ranges(&graph, &mut ranges);
    let quantizations = activations::choose(&graph, &ranges, &stays_float)?;
    let mut uses: BTreeMap<TensorId, usize> = BTreeMap::new();
    for &input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        *uses.entry(input).or_default() += 1;
    }
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for (index, mut node) in std::mem::take(&mut graph.nodes).into_iter().enumerate() {
        if !stays_float[index] {
            let means = node.inputs.first().and_then(|input| means.get(input));
            border::quantize_inputs(&mut graph, &mut node, &quantizations, &mut nodes);
            let weights = node.inputs.get(1).copied();
            weights::quantize(&mut graph, &mut node, &quantizations, means)?;
            if let Some(weights) = weights
                && uses.get(&weights) == Some(&1)
                && node.inputs.get(1) != Some(&weights)
            {
                // Float and integer weights of the whole graph are never in memory together.
                graph.tensor_mut(weights).constant = None;
            }
        }
        nodes.push(node);
    }
    for (id, quantization) in quantizations.chosen {
        let tensor = graph.tensor_mut(id);
        tensor.data_type = DataType::I8;
        tensor.quantization = Some(quantization);
    }
    graph.nodes = nodes;
    graph.remove_dead();
    Ok(graph)
}

/// A pool over the whole image becomes a mean, which may have a scale of its own: averages of many values span a smaller range.
fn pool_as_mean(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let Node { operator, inputs, .. } = &graph.nodes[index];
        let Operator::AveragePool2d { kernel, padding, activation, .. } = operator else { continue };
        let whole = graph.shape(inputs[0]).get(1..3) == Some(&kernel[..]);
        if whole && padding.is_zero() && activation.bounds() == (f32::NEG_INFINITY, f32::INFINITY) {
            graph.nodes[index].operator = Operator::Mean { axes: vec![1, 2], keep_dims: true };
        }
    }
}
