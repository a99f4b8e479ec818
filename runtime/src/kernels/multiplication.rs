//! mul: product of two tensors, element by element.

use super::{Memory, broadcast};
use crate::error::Defect;
use crate::fixed_point::{is_requantization, scale_rounding_twice};
use crate::format::DataType;
use crate::format::attributes::Multiplication;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Multiplication = operation.attributes()?;
    broadcast::verify(operation)?;
    match operation.data_type()? {
        DataType::Int8 if !is_requantization(attributes.output_multiplier, attributes.output_shift) => {
            Err(Defect::Requantization)
        }
        DataType::Int8 | DataType::Float32 => Ok(()),
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes = *operation.attributes::<Multiplication>()?;
    if operation.is_float32() {
        let (low, high) = attributes.clamp.as_float32();
        return broadcast::execute(operation, memory, 0, |left: f32, right: f32| {
            (left * right).max(low).min(high)
        });
    }
    let (low, high) = attributes.clamp.as_int8();
    let zero_point = operation.output().zero_point;
    let (left_zero, right_zero) = (operation.input(0)?.zero_point, operation.input(1)?.zero_point);
    broadcast::execute(operation, memory, 0, |left: i8, right: i8| {
        let left = i32::from(left).wrapping_sub(left_zero);
        let right = i32::from(right).wrapping_sub(right_zero);
        let product = left.wrapping_mul(right);
        let output = scale_rounding_twice(product, attributes.output_multiplier, attributes.output_shift);
        output.wrapping_add(zero_point).max(low).min(high) as i8
    })
}
