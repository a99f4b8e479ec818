//! add and sub.

use super::{Memory, broadcast};
use crate::error::Defect;
use crate::fixed_point::{is_requantization, scale_rounding_twice};
use crate::format::DataType;
use crate::format::attributes::Addition;
use crate::program::Operation;

/// Bits that both inputs gain before they are brought to a common scale.
const HEADROOM_BITS: u32 = 20;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Addition = operation.attributes()?;
    broadcast::verify(operation)?;
    match operation.data_type()? {
        DataType::Int8 => {
            let valid = is_requantization(attributes.left_multiplier, attributes.left_shift)
                && is_requantization(attributes.right_multiplier, attributes.right_shift)
                && is_requantization(attributes.output_multiplier, attributes.output_shift);
            if valid { Ok(()) } else { Err(Defect::Requantization) }
        }
        DataType::Float32 => Ok(()),
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    subtract: bool,
) -> Result<(), Defect> {
    let attributes = *operation.attributes::<Addition>()?;
    if operation.is_float32() {
        let (low, high) = attributes.clamp.as_float32();
        let sign = if subtract { -1.0 } else { 1.0 };
        return broadcast::execute(operation, memory, |left: f32, right: f32| {
            (left + sign * right).max(low).min(high)
        });
    }
    let (low, high) = attributes.clamp.as_int8();
    let zero_point = operation.output().zero_point;
    let (left_zero, right_zero) = (operation.input(0)?.zero_point, operation.input(1)?.zero_point);
    broadcast::execute(operation, memory, |left: i8, right: i8| {
        let scaled = |value: i8, zero: i32, multiplier, shift| {
            let value = i32::from(value).wrapping_sub(zero).wrapping_shl(HEADROOM_BITS);
            scale_rounding_twice(value, multiplier, shift)
        };
        let left = scaled(left, left_zero, attributes.left_multiplier, attributes.left_shift);
        let right = scaled(right, right_zero, attributes.right_multiplier, attributes.right_shift);
        let sum = if subtract { left.wrapping_sub(right) } else { left.wrapping_add(right) };
        let output = scale_rounding_twice(sum, attributes.output_multiplier, attributes.output_shift);
        output.wrapping_add(zero_point).max(low).min(high) as i8
    })
}
