//! `BatchNormalization` with the statistics of training: a factor and a summand per channel.

use tract_onnx::pb::NodeProto;

use super::arithmetic;
use crate::graph::BinaryFunction;
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, node_name};

/// Lowers `BatchNormalization`: scale · (x − mean) / √(variance + epsilon) + shift.
///
/// # Errors
/// If the node is in training mode or a parameter is computed.
pub fn lower(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let name = node_name(node);
    if node.integer("training_mode")?.unwrap_or(0) != 0 {
        return Err(Refusal::unsupported("it is in training mode", "export the model in evaluation mode"));
    }
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let x_shape = lowering.shape(x);
    let mut parameters = Vec::new();
    for index in 1..5 {
        parameters.push(lowering.floats(lowering.input(node, index)?)?.0);
    }
    let channels = x_shape.get(1).copied().unwrap_or(1);
    if parameters.iter().any(|values| values.len() != channels) {
        return Err(Refusal::malformed(format!("the parameters do not fit {x_shape:?}")));
    }
    let epsilon = f64::from(node.float("epsilon")?.unwrap_or(1e-5));
    let mut factors = Vec::with_capacity(channels);
    let mut summands = Vec::with_capacity(channels);
    for (channel, _) in parameters[0].iter().enumerate() {
        let [scale, shift, mean, variance] =
            [0, 1, 2, 3].map(|index: usize| f64::from(parameters[index][channel]));
        let factor = scale / (variance + epsilon).sqrt();
        factors.push(factor as f32);
        summands.push((shift - mean * factor) as f32);
    }
    let mut shape = vec![1; x_shape.len()];
    if let Some(extent) = shape.get_mut(1) {
        *extent = channels;
    }
    let factors = lowering.graph.add_constant(format!("{name}.factors"), shape.clone(), factors);
    let summands = lowering.graph.add_constant(format!("{name}.summands"), shape, summands);
    let scaled = arithmetic::emit(lowering, &format!("{name}.scale"), BinaryFunction::Mul, x, factors)?;
    let result = arithmetic::emit(lowering, &name, BinaryFunction::Add, scaled, summands)?;
    lowering.bind_output(node, result);
    Ok(())
}
