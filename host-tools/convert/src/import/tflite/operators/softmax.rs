//! SOFTMAX.

use crate::graph::{DataType, Operator};
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

const BETA: Field = Field::new(0, "SoftmaxOptions.beta");

/// Over the last axis. The int8 output must stand for \[0, 1\) in steps of 1/256: no other scale is defined.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    let data_type = lowering.same_type(&[x, output])?;
    let quantization = lowering.graph.tensor(output).quantization.as_ref();
    let standard = quantization.is_some_and(|quantization| {
        (quantization.scales[0] * 256.0 - 1.0).abs() < 1e-3 && quantization.zero_points == [-128]
    });
    if data_type == DataType::I8 && !standard {
        return Err(Refusal::malformed("the output's scale is not 1/256 with zero point -128"));
    }
    let beta = call.options.f32(BETA)?;
    if !(beta.is_finite() && beta > 0.0) {
        return Err(Refusal::malformed(format!("beta is {beta}")));
    }
    lowering.emit(&call.name, Operator::Softmax { beta }, vec![x], output)
}
