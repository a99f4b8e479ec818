//! pad.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Pad;

use super::lookup::requantized;
use crate::graph::Node;
use crate::pack::activation::quantize_bound;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::view::for_dimensions;

pub(super) fn lower(
    lowering: &mut Lowering,
    node: &Node,
    before: &[usize],
    value: f32,
) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    let x = lowering.variable(node.inputs[0])?;
    let output = lowering.define(node.output)?;
    let quantization = lowering.view(output).quantization;
    let x = requantized(lowering, x, quantization)?;
    let value = match quantization {
        Some(quantization) => quantize_bound(value, quantization).clamp(-128, 127) as u32,
        None => value.to_bits(),
    };
    lowering.push(Operator::Pad, &[x], output, &Pad { before: for_dimensions(before, 0), value });
    Ok(())
}
