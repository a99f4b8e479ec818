//! Weights and biases in integers.

use std::sync::Arc;

use super::QuantizeError;
use super::activations::Quantizations;
use crate::graph::{Constant, Graph, Node, Operator, Quantization, Tensor, TensorId};

/// Largest magnitude of a quantized weight: symmetric, so that no product of two int8 needs more than 15 bits.
const LARGEST_WEIGHT: f64 = 127.0;
/// Largest magnitude of a quantized bias: half of what 32 bits hold, so that adding the products does not wrap.
const LARGEST_BIAS: f64 = (1 << 30) as f64;

/// Replaces the float weights and bias of a convolution or fully connected node by integers.
///
/// Rounding the weights of a channel shifts the mean of its output by Σ (quantized − float) · mean of the input; with the means of the
/// input's channels given, the bias takes that back.
pub fn quantize(
    graph: &mut Graph,
    node: &mut Node,
    quantizations: &Quantizations,
    input_means: Option<&Vec<f64>>,
) -> Result<(), QuantizeError> {
    let channel_axis = match node.operator {
        Operator::Conv2d { .. } | Operator::FullyConnected { .. } => 0,
        Operator::DepthwiseConv2d { .. } => 3,
        _ => return Ok(()),
    };
    let [input, weights, bias] = node.inputs[..] else { return Ok(()) };
    let input_scale = match (quantizations.chosen.get(&input), &graph.tensor(input).quantization) {
        (Some(quantization), _) | (None, Some(quantization)) => f64::from(quantization.scales[0]),
        (None, None) => return Ok(()),
    };
    let constant = |id: TensorId| {
        let variable =
            || QuantizeError::VariableWeights { node: node.name.clone(), operator: node.operator.kind() };
        let Some(Constant::F32(values)) = &graph.tensor(id).constant else { return Err(variable()) };
        let damaged = || QuantizeError::NotFinite { tensor: graph.tensor(id).name.clone() };
        if values.iter().all(|value| value.is_finite()) { Ok(Arc::clone(values)) } else { Err(damaged()) }
    };
    let (weight_values, bias_values) = (constant(weights)?, constant(bias)?);
    let shape = graph.shape(weights).to_vec();
    let inner: usize = shape[channel_axis + 1..].iter().product();
    let channel_of = |index: usize| index / inner % shape[channel_axis];

    let mut largest = vec![0f64; shape[channel_axis]];
    for (index, &weight) in weight_values.iter().enumerate() {
        let channel = channel_of(index);
        largest[channel] = largest[channel].max(f64::from(weight).abs());
    }
    let scales: Vec<f32> = largest
        .iter()
        .zip(bias_values.iter())
        .map(|(&largest, &bias)| {
            // A channel of tiny weights must not get a scale in which its bias does not fit.
            let for_bias = f64::from(bias).abs() / (input_scale * LARGEST_BIAS);
            let scale = (largest / LARGEST_WEIGHT).max(for_bias);
            if scale > f64::from(f32::MIN_POSITIVE) { scale as f32 } else { 1.0 }
        })
        .collect();
    let integers = weight_values.iter().enumerate().map(|(index, &weight)| {
        let steps = (f64::from(weight) / f64::from(scales[channel_of(index)])).round();
        steps.clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT) as i8
    });
    let integers: Vec<i8> = integers.collect();
    let mut shifts = vec![0f64; shape[channel_axis]];
    if let Some(means) = input_means {
        let inputs = Inputs::new(node, &shape, means.len());
        for (index, (&weight, &integer)) in weight_values.iter().zip(&integers).enumerate() {
            let channel = channel_of(index);
            let error = f64::from(integer) * f64::from(scales[channel]) - f64::from(weight);
            shifts[channel] += error * means[inputs.channel(index, channel)];
        }
    }
    let biases = bias_values.iter().zip(&scales).zip(&shifts).map(|((&bias, &scale), shift)| {
        let steps = ((f64::from(bias) - shift) / (input_scale * f64::from(scale))).round();
        steps.clamp(-LARGEST_BIAS, LARGEST_BIAS) as i32
    });
    let integers = Constant::I8(integers);
    let biases = Constant::I32(biases.collect());
    let bias_scales = scales.iter().map(|&scale| (input_scale * f64::from(scale)) as f32).collect();
    node.inputs[1] = add_quantized(graph, weights, shape, integers, scales, channel_axis);
    let bias_shape = graph.shape(bias).to_vec();
    node.inputs[2] = add_quantized(graph, bias, bias_shape, biases, bias_scales, 0);
    Ok(())
}

/// Which channel of the input a weight multiplies.
struct Inputs {
    /// Input channels that one output channel sees; 1 for a depthwise convolution.
    per_output: usize,
    /// Output channels of a group.
    group: usize,
}

impl Inputs {
    fn new(node: &Node, shape: &[usize], input_channels: usize) -> Inputs {
        match node.operator {
            Operator::DepthwiseConv2d { .. } => Inputs { per_output: 1, group: 1 },
            _ => {
                let per_output = shape.last().copied().unwrap_or(1).max(1);
                let groups = (input_channels / per_output).max(1);
                Inputs { per_output, group: (shape[0] / groups).max(1) }
            }
        }
    }

    fn channel(&self, weight: usize, output: usize) -> usize {
        output / self.group * self.per_output + weight % self.per_output
    }
}

fn add_quantized(
    graph: &mut Graph,
    float: TensorId,
    shape: Vec<usize>,
    values: Constant,
    scales: Vec<f32>,
    axis: usize,
) -> TensorId {
    let mut tensor = Tensor::constant(graph.tensor(float).name.clone(), shape, values);
    tensor.quantization = Some(Quantization { zero_points: vec![0; scales.len()], scales, axis: Some(axis) });
    graph.add_tensor(tensor)
}
