//! PAD and PADV2.

use crate::graph::{Constant, Operator};
use crate::import::tflite::lowering::{Call, Lowering, Refusal};

/// The second input has two numbers for each axis: elements before and after. PADV2 has the added value as third
/// input, PAD adds zeros.
pub fn lower(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    let rank = lowering.graph.shape(x).len();
    let pads = lowering.extents(call, 1, 2 * rank)?;
    let value = if call.operator == "PAD" { 0.0 } else { added(lowering, call)? };
    let operator = Operator::Pad {
        before: pads.iter().step_by(2).copied().collect(),
        after: pads.iter().skip(1).step_by(2).copied().collect(),
        value,
    };
    lowering.emit(&call.name, operator, vec![x], output)
}

/// The real value that PADV2 adds, which is a constant in the quantization of the input.
fn added(lowering: &mut Lowering, call: &Call) -> Result<f32, Refusal> {
    let (x, value) = (lowering.input(call, 0)?, lowering.input(call, 2)?);
    lowering.same_quantization(&[x, value])?;
    let tensor = lowering.graph.tensor(value);
    match (&tensor.constant, &tensor.quantization) {
        (Some(Constant::F32(values)), _) if values.len() == 1 => Ok(values[0]),
        (Some(Constant::I8(values)), Some(quantization)) if values.len() == 1 => {
            Ok(quantization.scales[0] * (i32::from(values[0]) - quantization.zero_points[0]) as f32)
        }
        (None, _) => Err(Refusal::unsupported("the added value is computed", "make it a constant")),
        _ => Err(Refusal::malformed("the added value is not one number")),
    }
}
