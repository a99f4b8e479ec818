//! Scales and zero points of activations.

use std::collections::BTreeMap;

use super::{QuantizeError, Ranges, range};
use crate::graph::{Graph, Operator, Quantization, TensorId, UnaryFunction};

/// What [`choose`] decided.
pub struct Quantizations {
    /// Tensors that become int8.
    pub chosen: BTreeMap<TensorId, Quantization>,
    /// Tensors that stay float32 and are read by int8 nodes: how they are quantized there.
    pub border: BTreeMap<TensorId, Quantization>,
}

/// Whether the operator only moves or compares elements, so that its output must have the quantization of its input.
fn keeps_quantization(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::MaxPool2d { .. }
            | Operator::AveragePool2d { .. }
            | Operator::Reshape
            | Operator::Transpose { .. }
            | Operator::Slice { .. }
            | Operator::Pad { .. }
            | Operator::ResizeNearest { .. }
    )
}

/// The quantization that an operator's range of results dictates, whatever calibration saw.
fn fixed(operator: &Operator) -> Option<Quantization> {
    match operator {
        Operator::Softmax { .. }
        | Operator::Unary { function: UnaryFunction::Sigmoid | UnaryFunction::HardSigmoid { .. } } => {
            Some(range::per_tensor(1.0 / 256.0, -128))
        }
        Operator::Unary { function: UnaryFunction::Tanh } => Some(range::per_tensor(1.0 / 128.0, 0)),
        _ => None,
    }
}

/// Gives the operands of a concatenation its range where nothing else depends on theirs, so that it needs no rescaling.
pub fn share_concat_ranges(graph: &Graph, ranges: &mut Ranges) {
    for node in &graph.nodes {
        let (Operator::Concat { .. }, Some(&whole)) = (&node.operator, ranges.get(&node.output)) else {
            continue;
        };
        for &input in &node.inputs {
            let free = graph.producer(input).is_some_and(|producer| {
                let operator = &graph.nodes[producer].operator;
                !keeps_quantization(operator) && fixed(operator).is_none()
            });
            if free && graph.only_consumer(input).is_some() {
                ranges.insert(input, whole);
            }
        }
    }
}

/// Decides for every activation how it is quantized.
pub fn choose(graph: &Graph, ranges: &Ranges, stays_float: &[bool]) -> Result<Quantizations, QuantizeError> {
    let range_of = |id: TensorId| {
        let missing = || QuantizeError::MissingRange { tensor: graph.tensor(id).name.clone() };
        ranges.get(&id).copied().ok_or_else(missing)
    };
    let reads_float = |id: TensorId| {
        graph.nodes.iter().zip(stays_float).any(|(node, &float)| float && node.inputs.contains(&id))
    };
    let mut result = Quantizations { chosen: BTreeMap::new(), border: BTreeMap::new() };
    for &input in &graph.inputs {
        let (low, high) = range_of(input)?;
        let map = if reads_float(input) { &mut result.border } else { &mut result.chosen };
        map.insert(input, range::asymmetric(low, high));
    }
    for (node, &float) in graph.nodes.iter().zip(stays_float) {
        let inherited = || {
            let input = node.inputs.first()?;
            result.chosen.get(input).or_else(|| result.border.get(input)).cloned()
        };
        let quantization = match (keeps_quantization(&node.operator), fixed(&node.operator)) {
            (true, _) => inherited(),
            (false, fixed) => fixed,
        };
        let quantization = match quantization {
            Some(quantization) => quantization,
            None => {
                let (low, high) = range_of(node.output)?;
                range::asymmetric(low, high)
            }
        };
        let map = if float { &mut result.border } else { &mut result.chosen };
        map.insert(node.output, quantization);
    }
    Ok(result)
}
