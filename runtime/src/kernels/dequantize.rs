//! dequantize: int8 to float32.

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
    } else if !input.is(DataType::Int8) || !output.is(DataType::Float32) {
        Err(Defect::DataTypes)
    } else if input.dims != output.dims {
        Err(Defect::Shapes)
    } else {
        Ok(())
    }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let input = operation.input(0)?;
    let memory = memory.separate::<i8, f32>(input, operation.output())?;
    for (target, &value) in memory.output.iter_mut().zip(memory.input) {
        *target = dequantize(value, input.scale, input.zero_point);
    }
    Ok(())
}

/// `scale · (value − zero_point)`.
pub fn dequantize(value: i8, scale: f32, zero_point: i32) -> f32 {
    i32::from(value).wrapping_sub(zero_point) as f32 * scale
}
