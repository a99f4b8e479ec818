//! add and sub.

use super::arch::addition::{self, Addition, Scale};
use super::{Memory, broadcast};
use crate::error::Defect;
use crate::family::Family;
use crate::fixed_point::is_requantization;
use crate::format::TensorRecord;
use crate::format::attributes::Addition as Attributes;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Attributes = operation.attributes()?;
    broadcast::verify(operation)?;
    let scales = [
        (attributes.left_multiplier, attributes.left_shift),
        (attributes.right_multiplier, attributes.right_shift),
        (attributes.output_multiplier, attributes.output_shift),
    ];
    let is_valid = scales.iter().all(|&(multiplier, shift)| is_requantization(multiplier, shift));
    if is_valid || operation.is_float32() { Ok(()) } else { Err(Defect::Requantization) }
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
    subtract: bool,
) -> Result<(), Defect> {
    let attributes = *operation.attributes::<Attributes>()?;
    if operation.is_float32() {
        let (low, high) = attributes.clamp.as_float32();
        let sign = if subtract { -1.0 } else { 1.0 };
        return broadcast::execute(operation, memory, 0, |left: f32, right: f32| {
            (left + sign * right).max(low).min(high)
        });
    }
    let (low, high) = attributes.clamp.as_int8();
    let scale =
        |tensor: &TensorRecord, multiplier, shift| Scale { zero_point: tensor.zero_point, multiplier, shift };
    let job = Addition {
        left: scale(operation.input(0)?, attributes.left_multiplier, attributes.left_shift),
        right: scale(operation.input(1)?, attributes.right_multiplier, attributes.right_shift),
        output: scale(operation.output(), attributes.output_multiplier, attributes.output_shift),
        subtract,
        low,
        high,
    };
    let written = if broadcast::is_plain(operation)? {
        let cells = memory.cells();
        let (left, right) = (cells.input(operation.first_input())?, cells.input(operation.input(1)?)?);
        addition::add(family, &job, left, right, cells.output(operation.output())?)
    } else {
        0
    };
    broadcast::execute(operation, memory, written, |left, right| job.element(left, right))
}
