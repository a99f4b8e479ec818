//! FULLY_CONNECTED.

use super::fused_activation;
use crate::graph::{Operator, Tensor};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

const ACTIVATION: Field = Field::new(0, "FullyConnectedOptions.fused_activation_function");
const WEIGHTS_FORMAT: Field = Field::new(1, "FullyConnectedOptions.weights_format");

/// x, whose elements are rows of `in` whatever its shape; weights \[out, in\]; bias \[out\]. The output has the rows of
/// x, in a shape of its own.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    if call.options.i8(WEIGHTS_FORMAT)? != 0 {
        return Err(Refusal::unsupported(
            "its weights are shuffled for one kind of processor",
            "convert the model again without shuffled weights",
        ));
    }
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    let activations = lowering.same_type(&[x, output])?;
    let weights = lowering.weights(call, 1, activations)?;
    let &[units, features] = lowering.graph.shape(weights) else {
        return Err(Refusal::malformed("the weights do not have rank 2"));
    };
    let elements = lowering.graph.tensor(x).element_count();
    if !elements.is_multiple_of(features) {
        return Err(Refusal::malformed(format!("{elements} inputs for weights of {features}")));
    }
    if lowering.graph.tensor(weights).quantization.as_ref().is_some_and(|weights| weights.axis == Some(1)) {
        return Err(Refusal::malformed("the weights have a scale for each input"));
    }
    let bias = lowering.bias(call, weights, units)?;
    let operator = Operator::FullyConnected { activation: fused_activation(call, ACTIVATION)? };

    let (input_shape, output_shape) = (lowering.graph.shape(x), lowering.graph.shape(output).to_vec());
    let keeps_shape = matches!(
        (input_shape, &output_shape[..]),
        ([outer_in @ .., last_in], [outer_out @ .., last_out])
            if outer_in == outer_out && *last_in == features && *last_out == units
    );
    if keeps_shape {
        return lowering.emit(&call.name, operator, vec![x, weights, bias], output);
    }
    let rows = elements / features;
    let x = lowering.reshaped(&format!("{}/rows", call.name), x, vec![rows, features])?;
    if output_shape == [rows, units] {
        return lowering.emit(&call.name, operator, vec![x, weights, bias], output);
    }
    let flat = Tensor { shape: vec![rows, units], ..lowering.graph.tensor(output).clone() };
    let flat = lowering.graph.add_tensor(Tensor { name: format!("{}/flat", call.name), ..flat });
    lowering.emit(&call.name, operator, vec![x, weights, bias], flat)?;
    lowering.emit(&format!("{}/shape", call.name), Operator::Reshape, vec![flat], output)
}
