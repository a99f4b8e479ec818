//! Operators that only move or rename elements: reshapes, transposes, concatenation, padding.

use tract_onnx::pb::NodeProto;

use crate::graph::Operator;
use crate::import::onnx::attributes::Attributes;
use crate::import::onnx::lowering::{Lowering, Refusal, axis_of_rank, node_name};

/// Lowers everything that keeps the elements in order: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`, `Identity`,
/// `Dropout`.
///
/// # Errors
/// If the output's shape is not known.
pub fn lower_reshape(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let output = node.output.first().ok_or_else(|| Refusal::malformed("there is no output"))?;
    let shape = lowering.check_activation(output)?;
    let result = lowering.emit_reshape(&node_name(node), x, shape)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Transpose`.
///
/// # Errors
/// If the permutation is none.
pub fn lower_transpose(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let rank = lowering.shape(x).len();
    let permutation = node.size_list("perm")?.unwrap_or_else(|| (0..rank).rev().collect());
    let result = lowering.emit_transpose(&node_name(node), x, &permutation)?;
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Concat`.
///
/// # Errors
/// If the axis does not exist or the shapes differ beside it.
pub fn lower_concat(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let mut inputs = Vec::new();
    for index in 0..node.input.len() {
        inputs.push(lowering.tensor(lowering.input(node, index)?)?);
    }
    let rank = inputs.first().map_or(0, |&input| lowering.shape(input).len());
    let axis = node.integer("axis")?.ok_or_else(|| Refusal::malformed("attribute `axis` is missing"))?;
    let axis = axis_of_rank(axis, rank)?;
    let result = match inputs[..] {
        [only] => only,
        _ => lowering.emit(&node_name(node), Operator::Concat { axis }, inputs)?,
    };
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Pad` with a constant; the pads are an attribute before operator set 11 and an input from then on.
///
/// # Errors
/// If the mode is another one, or a pad is negative or computed.
pub fn lower_pad(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    let mode = node.string("mode")?.unwrap_or_else(|| "constant".into());
    if mode != "constant" {
        return Err(Refusal::unsupported(format!("the padding mode is `{mode}`"), "pad with a constant"));
    }
    let x = lowering.tensor(lowering.input(node, 0)?)?;
    let rank = lowering.shape(x).len();
    let listed = match lowering.optional_input(node, 1) {
        Some(pads) => lowering.integers(pads)?,
        None => node.integer_list("pads")?.ok_or_else(|| Refusal::malformed("pads are missing"))?,
    };
    let value = match lowering.optional_input(node, 2) {
        Some(value) => lowering.scalar(value)?,
        None => node.float("value")?.unwrap_or(0.0),
    };
    let axes = match lowering.optional_input(node, 3) {
        Some(axes) => lowering
            .integers(axes)?
            .iter()
            .map(|&axis| axis_of_rank(axis, rank))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if listed.len() != 2 * axes.len() {
        return Err(Refusal::malformed(format!("pads {listed:?} for the axes {axes:?}")));
    }
    if listed.iter().any(|&pad| pad > 1 << 24) {
        return Err(Refusal::malformed(format!("pads {listed:?} are absurdly large")));
    }
    let pads: Option<Vec<usize>> = listed.iter().map(|&pad| usize::try_from(pad).ok()).collect();
    let pads = pads.ok_or_else(|| {
        Refusal::unsupported(format!("negative pads {listed:?} crop the input"), "crop with a Slice instead")
    })?;
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    for (index, &axis) in axes.iter().enumerate() {
        before[axis] = pads[index];
        after[axis] = pads[axes.len() + index];
    }
    let result = match pads.iter().all(|&pad| pad == 0) {
        true => x,
        false => lowering.emit(&node_name(node), Operator::Pad { before, after, value }, vec![x])?,
    };
    lowering.bind_output(node, result);
    Ok(())
}

/// Lowers `Cast` where it changes nothing.
///
/// # Errors
/// If the target is not float32.
pub fn lower_cast(lowering: &mut Lowering, node: &NodeProto) -> Result<(), Refusal> {
    lower_reshape(lowering, node)
}
