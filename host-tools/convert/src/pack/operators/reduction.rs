//! mean and sum over axes.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Reduction;

use crate::graph::{DataType, Node};
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::view::dimension;

pub(super) fn lower_mean(lowering: &mut Lowering, node: &Node, axes: &[usize]) -> Result<(), Refusal> {
    lower(lowering, node, axes, Operator::Mean)
}

pub(super) fn lower_sum(lowering: &mut Lowering, node: &Node, axes: &[usize]) -> Result<(), Refusal> {
    lower(lowering, node, axes, Operator::Sum)
}

fn lower(lowering: &mut Lowering, node: &Node, axes: &[usize], operator: Operator) -> Result<(), Refusal> {
    let data_type = lowering.same_type(node, &node.inputs)?;
    let shape = lowering.graph.shape(node.inputs[0]);
    let mut factor = Multiplier::default();
    if data_type == DataType::I8 {
        let (input, output) = (lowering.affine(node.inputs[0])?, lowering.affine(node.output)?);
        factor = Multiplier::of(f64::from(input.scale) / f64::from(output.scale))?;
        if operator == Operator::Mean {
            factor = divided(factor, axes.iter().map(|&axis| shape[axis] as u64).product());
        }
    }
    let x = lowering.variable(node.inputs[0])?;
    let output = lowering.define(node.output)?;
    let axes = axes.iter().fold(0, |mask, &axis| mask | 1 << dimension(axis, shape.len()));
    let attributes = Reduction { axes, multiplier: factor.multiplier, shift: factor.shift };
    lowering.push(operator, &[x], output, &attributes);
    Ok(())
}

/// A multiplier divided by a number of elements, as LiteRT does it: the quotient is truncated, after as many bits as the
/// number has were gained.
fn divided(Multiplier { multiplier, shift }: Multiplier, count: u64) -> Multiplier {
    let count = count.max(1);
    let bits = count.ilog2().min(32).min((31 + shift) as u32);
    let quotient = ((multiplier as i64) << bits) / count as i64;
    Multiplier { multiplier: quotient as i32, shift: shift - bits as i32 }
}
