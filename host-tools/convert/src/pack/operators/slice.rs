//! slice.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Slice;

use super::lookup::requantized;
use crate::graph::Node;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::view::for_dimensions;

pub(super) fn lower(
    lowering: &mut Lowering,
    node: &Node,
    starts: &[usize],
    strides: &[usize],
) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    let x = lowering.variable(node.inputs[0])?;
    let output = lowering.define(node.output)?;
    let quantization = lowering.view(output).quantization;
    let x = requantized(lowering, x, quantization)?;
    let attributes = Slice { starts: for_dimensions(starts, 0), strides: for_dimensions(strides, 1) };
    lowering.push(Operator::Slice, &[x], output, &attributes);
    Ok(())
}
