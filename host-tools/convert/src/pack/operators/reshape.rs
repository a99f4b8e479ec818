//! reshape: no step, another shape of the same elements.

use super::lookup;
use crate::graph::Node;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::view::ViewId;

pub(super) fn lower(lowering: &mut Lowering, node: &Node) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    let operand = lowering.operand(node.inputs[0])?;
    lower_view(lowering, node, operand)
}

/// Lets the result of a node be the elements of `operand`, looked up where the result is quantized differently.
pub(super) fn lower_view(lowering: &mut Lowering, node: &Node, operand: ViewId) -> Result<(), Refusal> {
    let from = lowering.view(operand).quantization;
    let to = if from.is_some() { Some(lowering.affine(node.output)?) } else { None };
    match (from, to) {
        (Some(from), Some(to)) if from != to => {
            let reshaped = lowering.view(operand).reshaped(lowering.graph.shape(node.output));
            if reshaped.is_constant() {
                let operand = lookup::requantized(lowering, operand, Some(to))?;
                lowering.alias(operand, node.output);
                return Ok(());
            }
            let table = lookup::requantization(from, to)?;
            let reshaped = lowering.add_view(reshaped);
            let output = lowering.define(node.output)?;
            lookup::push(lowering, reshaped, output, &table);
        }
        _ => lowering.alias(operand, node.output),
    }
    Ok(())
}
