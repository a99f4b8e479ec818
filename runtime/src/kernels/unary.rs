//! unary: a function of one float32.

use super::Memory;
use super::memory::Element;
use crate::error::Defect;
use crate::format::DataType;
use crate::format::attributes::{Unary, UnaryFunction};
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Unary = operation.attributes()?;
    operation.require(1, DataType::Float32)?;
    operation.require_placement(true)?;
    UnaryFunction::from_number(attributes.function).ok_or(Defect::Attributes)?;
    let same = operation.input(0)?.dims == operation.output().dims;
    if same { Ok(()) } else { Err(Defect::Shapes) }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let Unary { function, a, b } = *operation.attributes::<Unary>()?;
    let function = UnaryFunction::from_number(function).ok_or(Defect::Attributes)?;
    let output = operation.output();
    let cells = memory.cells();
    let (source, target) = (cells.input(operation.input(0)?)?, cells.output(output)?);
    for index in 0..output.elements().ok_or(Defect::Shapes)? {
        f32::write(target, index, evaluate(function, a, b, f32::read(source, index)));
    }
    Ok(())
}

/// `function` of `x`; `libm` gives the same bits on every target.
fn evaluate(function: UnaryFunction, a: f32, b: f32, x: f32) -> f32 {
    match function {
        UnaryFunction::Clip => limit(x, a, b),
        UnaryFunction::LeakyRelu if x >= 0.0 => x,
        UnaryFunction::LeakyRelu => a * x,
        UnaryFunction::Sigmoid => 1.0 / (1.0 + libm::expf(-x)),
        UnaryFunction::Tanh => libm::tanhf(x),
        UnaryFunction::HardSwish => x * limit(x + 3.0, 0.0, 6.0) / 6.0,
        UnaryFunction::Exp => libm::expf(x),
        UnaryFunction::Sqrt => libm::sqrtf(x),
        UnaryFunction::Abs => libm::fabsf(x),
        UnaryFunction::HardSigmoid => limit(a * x + b, 0.0, 1.0),
        UnaryFunction::Elu if x >= 0.0 => x,
        UnaryFunction::Elu => a * libm::expm1f(x),
        UnaryFunction::Log => libm::logf(x),
        UnaryFunction::Neg => -x,
    }
}

/// Brings `x` between two bounds. `f32::clamp` would panic where they are in the wrong order.
fn limit(x: f32, low: f32, high: f32) -> f32 {
    x.max(low).min(high)
}
