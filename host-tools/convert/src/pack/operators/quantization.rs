//! quantize and dequantize.

use dunlin_runtime::format::Operator;

use super::reshape;
use crate::graph::{DataType, Node};
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::view::ViewId;

/// float32 to int8, or one quantization to another: then it is a lookup.
pub(super) fn lower_quantize(lowering: &mut Lowering, node: &Node) -> Result<(), Refusal> {
    let from = lowering.graph.data_type(node.inputs[0]);
    if lowering.graph.data_type(node.output) != DataType::I8 {
        return Err(Refusal::defect("its output is not int8"));
    }
    let x = lowering.variable(node.inputs[0])?;
    if from == DataType::I8 {
        return reshape::lower_view(lowering, node, x);
    }
    convert(lowering, node, x, Operator::Quantize)
}

/// int8 to float32.
pub(super) fn lower_dequantize(lowering: &mut Lowering, node: &Node) -> Result<(), Refusal> {
    let from = lowering.graph.data_type(node.inputs[0]);
    if from != DataType::I8 || lowering.graph.data_type(node.output) != DataType::F32 {
        return Err(Refusal::defect("it does not convert int8 to float32"));
    }
    let x = lowering.variable(node.inputs[0])?;
    convert(lowering, node, x, Operator::Dequantize)
}

fn convert(lowering: &mut Lowering, node: &Node, x: ViewId, operator: Operator) -> Result<(), Refusal> {
    let output = lowering.define(node.output)?;
    lowering.push(operator, &[x], output, &[0u8; 0]);
    Ok(())
}
