//! CONCATENATION.

use super::fused_activation;
use crate::graph::{Activation, Operator, TensorId};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal, axis};

const AXIS: Field = Field::new(0, "ConcatenationOptions.axis");
const ACTIVATION: Field = Field::new(1, "ConcatenationOptions.fused_activation_function");

/// All inputs along an axis, in one quantization.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let inputs: Vec<TensorId> =
        (0..call.inputs.len()).map(|index| lowering.input(call, index)).collect::<Result<_, _>>()?;
    let output = lowering.output(call)?;
    lowering.same_quantization(&[&[output][..], &inputs].concat())?;
    if fused_activation(call, ACTIVATION)? != Activation::None {
        return Err(Refusal::unsupported(
            "it has a fused activation",
            "let the activation be an operator of its own",
        ));
    }
    let axis = axis(call.options.i32(AXIS, 0)?.into(), lowering.graph.shape(output).len())?;
    lowering.emit(&call.name, Operator::Concat { axis }, inputs, output)
}
