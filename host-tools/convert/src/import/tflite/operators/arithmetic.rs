//! ADD, SUB and MUL.

use super::fused_activation;
use crate::graph::{BinaryFunction, Operator};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

/// The first field of AddOptions, SubOptions and MulOptions.
const ACTIVATION: Field = Field::new(0, "fused_activation_function");

/// Two operands with broadcasting; either may be constant.
pub fn lower(lowering: &mut Lowering, call: &Call, function: BinaryFunction) -> Result<(), Refusal> {
    let (a, b, output) = (lowering.input(call, 0)?, lowering.input(call, 1)?, lowering.output(call)?);
    lowering.same_type(&[a, b, output])?;
    let per_channel = |id| lowering.graph.tensor(id).quantization.as_ref().is_some_and(|q| q.axis.is_some());
    if per_channel(a) || per_channel(b) {
        return Err(Refusal::unsupported(
            "a constant operand has a scale per channel",
            "convert the model with one scale for that constant",
        ));
    }
    let operator = Operator::Binary { function, activation: fused_activation(call, ACTIVATION)? };
    lowering.emit(&call.name, operator, vec![a, b], output)
}
