//! RESHAPE, SQUEEZE, EXPAND_DIMS and TRANSPOSE.

use crate::graph::Operator;
use crate::import::tflite::lowering::{Call, Lowering, Refusal, axis};

/// The same elements in the output's shape, which the file states for every tensor.
pub fn lower_reshape(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    lowering.emit(&call.name, Operator::Reshape, vec![x], output)
}

/// The axes in another order.
pub fn lower_transpose(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_quantization(&[x, output])?;
    let rank = lowering.graph.shape(x).len();
    let permutation =
        lowering.integers(call, 1)?.into_iter().map(|value| axis(value, rank)).collect::<Result<_, _>>()?;
    lowering.emit(&call.name, Operator::Transpose { permutation }, vec![x], output)
}
