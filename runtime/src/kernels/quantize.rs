//! quantize: float32 to int8.

use super::Memory;
use crate::error::Defect;
use crate::format::DataType;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    operation.attributes::<[u8; 0]>()?;
    operation.require_placement(false)?;
    let (input, output) = (operation.input(0)?, operation.output());
    if operation.input_count() != 1 {
        Err(Defect::Operands)
    } else if !input.is(DataType::Float32) || !output.is(DataType::Int8) {
        Err(Defect::DataTypes)
    } else if input.dims != output.dims {
        Err(Defect::Shapes)
    } else {
        Ok(())
    }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let output = operation.output();
    let memory = memory.separate::<f32, i8>(operation.input(0)?, output)?;
    for (target, &value) in memory.output.iter_mut().zip(memory.input) {
        *target = quantize(value, output.scale, output.zero_point);
    }
    Ok(())
}

/// The int8 nearest to `value / scale + zero_point`; ties go away from zero, what lies outside of int8 to its ends, NaN to the
/// zero point.
pub fn quantize(value: f32, scale: f32, zero_point: i32) -> i8 {
    // A cast saturates and takes NaN to 0.
    let steps = libm::roundf(value / scale) as i32;
    steps.saturating_add(zero_point).clamp(-128, 127) as i8
}
