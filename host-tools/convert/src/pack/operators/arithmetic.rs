//! add, sub and mul.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::{Addition, Multiplication};

use crate::graph::{Activation, BinaryFunction, DataType, Node};
use crate::pack::activation::clamp;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::view::Affine;

/// Bits that both inputs of an addition gain before they are brought to a common scale.
const HEADROOM: f64 = (1 << 20) as f64;

pub(super) fn lower(
    lowering: &mut Lowering,
    node: &Node,
    function: BinaryFunction,
    activation: Activation,
) -> Result<(), Refusal> {
    let data_type = lowering.same_type(node, &node.inputs)?;
    let quantization = match data_type {
        DataType::I8 => {
            let of = |id| lowering.affine(id);
            Some([of(node.inputs[0])?, of(node.inputs[1])?, of(node.output)?])
        }
        _ => None,
    };
    let clamp = clamp(activation, quantization.map(|[_, _, output]| output));
    let operands = [lowering.operand(node.inputs[0])?, lowering.operand(node.inputs[1])?];
    let output = lowering.define(node.output)?;
    match function {
        BinaryFunction::Add | BinaryFunction::Sub => {
            let [left, right, sum] = quantization.map_or(Ok(Default::default()), addition)?;
            let attributes = Addition {
                clamp,
                left_multiplier: left.multiplier,
                left_shift: left.shift,
                right_multiplier: right.multiplier,
                right_shift: right.shift,
                output_multiplier: sum.multiplier,
                output_shift: sum.shift,
            };
            let subtract = function == BinaryFunction::Sub;
            let operator = if subtract { Operator::Sub } else { Operator::Add };
            lowering.push(operator, &operands, output, &attributes);
        }
        BinaryFunction::Mul => {
            let product = quantization.map_or(Ok(Multiplier::default()), |[left, right, output]| {
                Multiplier::of(f64::from(left.scale * right.scale / output.scale))
            })?;
            let attributes =
                Multiplication { clamp, output_multiplier: product.multiplier, output_shift: product.shift };
            lowering.push(Operator::Mul, &operands, output, &attributes);
        }
    }
    Ok(())
}

/// Multipliers of left, right and sum.
fn addition([left, right, output]: [Affine; 3]) -> Result<[Multiplier; 3], Refusal> {
    let (left, right, output) = (f64::from(left.scale), f64::from(right.scale), f64::from(output.scale));
    let common = 2.0 * left.max(right);
    let sum = Multiplier::of(common / (HEADROOM * output))?;
    if sum.shift > 0 {
        return Err(Refusal::scales("its output is quantized in steps far finer than its inputs"));
    }
    Ok([Multiplier::of(left / common)?, Multiplier::of(right / common)?, sum])
}
