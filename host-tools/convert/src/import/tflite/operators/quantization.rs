//! QUANTIZE and DEQUANTIZE.

use crate::graph::{DataType, Operator};
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

/// From float32 to int8, or from one int8 quantization to another.
pub fn lower_quantize(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    lower(lowering, call, Operator::Quantize, &[DataType::F32, DataType::I8], DataType::I8)
}

/// From int8 to float32.
pub fn lower_dequantize(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    lower(lowering, call, Operator::Dequantize, &[DataType::I8], DataType::F32)
}

fn lower(
    lowering: &mut Lowering,
    call: &Call,
    operator: Operator,
    from: &[DataType],
    to: DataType,
) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    let tensor = lowering.graph.tensor(x);
    if tensor.is_constant() || !from.contains(&tensor.data_type) || lowering.graph.data_type(output) != to {
        return Err(Refusal::unsupported(
            "it does not convert between float32 and int8 activations",
            "convert the model with int8 weights and activations, or in float32",
        ));
    }
    lowering.emit(&call.name, operator, vec![x], output)
}
