//! MEAN and SUM.

use crate::graph::Operator;
use crate::import::tflite::flatbuffer::Field;
use crate::import::tflite::lowering::{Call, Lowering, Refusal, axis};

const KEEP_DIMS: Field = Field::new(0, "ReducerOptions.keep_dims");

/// The mean over the axes that the second input names.
pub fn lower_mean(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    lower(lowering, call, |axes, keep_dims| Operator::Mean { axes, keep_dims })
}

/// The sum over the axes that the second input names.
pub fn lower_sum(lowering: &mut Lowering, call: &Call) -> Result<(), Refusal> {
    lower(lowering, call, |axes, keep_dims| Operator::Sum { axes, keep_dims })
}

fn lower(
    lowering: &mut Lowering,
    call: &Call,
    operator: impl FnOnce(Vec<usize>, bool) -> Operator,
) -> Result<(), Refusal> {
    let (x, output) = (lowering.input(call, 0)?, lowering.output(call)?);
    lowering.same_type(&[x, output])?;
    let rank = lowering.graph.shape(x).len();
    let axes = lowering.integers(call, 1)?.into_iter().map(|value| axis(value, rank));
    let mut axes = axes.collect::<Result<Vec<usize>, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    let operator = operator(axes, call.options.bool(KEEP_DIMS)?);
    lowering.emit(&call.name, operator, vec![x], output)
}
