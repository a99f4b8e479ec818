//! Activation functions that are operators of their own.

use crate::graph::{Operator, UnaryFunction};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

const ALPHA: Field = Field::new(0, "LeakyReluOptions.alpha");

/// A function of each element.
pub fn lower(lowering: &mut Lowering, call: &Call, function: UnaryFunction) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_type(&[x, output])?;
    lowering.emit(&call.name, Operator::Unary { function }, vec![x], output)
}

/// LEAKY_RELU, whose slope stands in its options.
pub fn lower_leaky(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let alpha = call.options.f32(ALPHA)?;
    if !alpha.is_finite() {
        return Err(Refusal::malformed(format!("alpha is {alpha}")));
    }
    lower(lowering, call, UnaryFunction::LeakyRelu { alpha })
}
