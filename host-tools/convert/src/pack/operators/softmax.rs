//! softmax over the last axis.

use dunlin_runtime::format::attributes::{Clamp, Multiplication, Softmax};
use dunlin_runtime::format::{DataType as ElementType, Operator};

use crate::graph::{DataType, Node};
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::view::{Affine, Place, View, ViewId, dims};

pub(super) fn lower(lowering: &mut Lowering, node: &Node, beta: f32) -> Result<(), Refusal> {
    let data_type = lowering.same_type(node, &node.inputs)?;
    let mut x = lowering.variable(node.inputs[0])?;
    let attributes = if data_type == DataType::I8 {
        require_probabilities(lowering.affine(node.output)?)?;
        attributes(beta, lowering.affine(node.inputs[0])?)?
    } else {
        if beta != 1.0 {
            x = multiplied(lowering, x, beta);
        }
        Softmax { multiplier: 0, shift: 0, lowest_difference: 0 }
    };
    let output = lowering.define(node.output)?;
    lowering.push(Operator::Softmax, &[x], output, &attributes);
    Ok(())
}

/// The integer kernel writes steps of 1/256 from 0 on.
fn require_probabilities(Affine { scale, zero_point }: Affine) -> Result<(), Refusal> {
    if (scale * 256.0 - 1.0).abs() < 1e-3 && zero_point == -128 {
        return Ok(());
    }
    Err(Refusal::defect("its output is not quantized with scale 1/256 and zero point −128"))
}

fn attributes(beta: f32, input: Affine) -> Result<Softmax, Refusal> {
    /// Bits behind the point of what the exponential takes, and before it.
    const FRACTION: f64 = (1u64 << 26) as f64;
    const GREATEST: f64 = 31.0;
    // LiteRT limits the factor to 2³¹ − 1. From 2³⁰ on, e to the power of one step is less than 2⁻²³, which no sum and no
    // output shows.
    let factor = f64::from(beta) * f64::from(input.scale) * FRACTION;
    let Multiplier { multiplier, shift } = Multiplier::of(factor.min((1u64 << 30) as f64 - 1.0))?;
    if shift < 0 {
        return Err(Refusal::scales("the scale of its input is too small"));
    }
    let lowest_difference = -(GREATEST * FRACTION / (1u64 << shift) as f64).floor() as i32;
    Ok(Softmax { multiplier, shift, lowest_difference })
}

/// A float32 operand times a constant.
fn multiplied(lowering: &mut Lowering, x: ViewId, factor: f32) -> ViewId {
    let place = Place::Constant(lowering.weights.add_table(&factor.to_le_bytes()));
    let constant =
        View { data_type: ElementType::Float32, rank: 1, dims: dims(&[1]), quantization: None, place };
    let constant = lowering.add_view(constant);
    let product = *lowering.view(x);
    let product = lowering.add_buffer(lowering.name_behind("scaled"), product);
    let clamp = Clamp::float32(f32::NEG_INFINITY, f32::INFINITY);
    let attributes = Multiplication { clamp, output_multiplier: 0, output_shift: 0 };
    lowering.push(Operator::Mul, &[x, constant], product, &attributes);
    product
}
