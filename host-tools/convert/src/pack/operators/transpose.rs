//! transpose.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Transpose;

use super::lookup::requantized;
use super::reshape;
use crate::graph::Node;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::view::{dimension, for_dimensions};

pub(super) fn lower(lowering: &mut Lowering, node: &Node, permutation: &[usize]) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    let shape = lowering.graph.shape(node.inputs[0]);
    let moved: Vec<usize> = permutation.iter().copied().filter(|&axis| shape[axis] > 1).collect();
    if moved.is_sorted() {
        let x = lowering.operand(node.inputs[0])?;
        return reshape::lower_view(lowering, node, x);
    }
    let x = lowering.variable(node.inputs[0])?;
    let output = lowering.define(node.output)?;
    let quantization = lowering.view(output).quantization;
    let x = requantized(lowering, x, quantization)?;
    let rank = permutation.len();
    let axes: Vec<usize> = permutation.iter().map(|&axis| dimension(axis, rank)).collect();
    let mut permutation = for_dimensions(&axes, 0);
    for (index, axis) in permutation.iter_mut().enumerate().take(dimension(0, rank)) {
        *axis = index as u32;
    }
    lowering.push(Operator::Transpose, &[x], output, &Transpose { permutation });
    Ok(())
}
