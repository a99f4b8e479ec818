//! concat.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Concat;

use super::lookup::requantized;
use crate::graph::Node;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::view::dimension;

pub(super) fn lower(lowering: &mut Lowering, node: &Node, axis: usize) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    if node.inputs.len() > usize::from(u8::MAX) {
        return Err(Refusal::new(
            format!("it has {} operands, a step has at most 255", node.inputs.len()),
            "split it into several",
        ));
    }
    let output = lowering.define(node.output)?;
    let quantization = lowering.view(output).quantization;
    let mut operands = Vec::with_capacity(node.inputs.len());
    for &input in &node.inputs {
        let operand = lowering.operand(input)?;
        operands.push(requantized(lowering, operand, quantization)?);
    }
    let axis = dimension(axis, lowering.graph.shape(node.output).len()) as u32;
    lowering.push(Operator::Concat, &operands, output, &Concat { axis });
    Ok(())
}
