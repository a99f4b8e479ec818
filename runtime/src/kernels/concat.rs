//! concat: tensors behind each other along one dimension.

use super::Memory;
use super::strided::{self, Walk, strides, with_element};
use crate::error::Defect;
use crate::format::attributes::Concat;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let axis = operation.attributes::<Concat>()?.axis as usize;
    strided::verify(operation, operation.input_count())?;
    let output = operation.output().dims;
    let mut length = 0u32;
    for index in 0..operation.input_count() {
        let input = operation.input(index)?.dims;
        for (dimension, (&input, output)) in input.iter().zip(output).enumerate() {
            if dimension != axis && input != output {
                return Err(Defect::Shapes);
            }
        }
        let extent = *input.get(axis).ok_or(Defect::Attributes)?;
        length = length.checked_add(extent).ok_or(Defect::Shapes)?;
    }
    if output.get(axis) == Some(&length) { Ok(()) } else { Err(Defect::Shapes) }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let axis = operation.attributes::<Concat>()?.axis as usize;
    let output = operation.output();
    let strides = strides(output.dims);
    let stride = *strides.get(axis).ok_or(Defect::Attributes)?;
    let mut offset = 0usize;
    for index in 0..operation.input_count() {
        let input = operation.input(index)?;
        let walk = Walk { dims: input.dims, offset, strides };
        with_element!(operation, Element => {
            let memory = memory.separate::<Element, Element>(input, output)?;
            walk.scatter(memory.input, memory.output);
        });
        let extent = input.dims.get(axis).copied().unwrap_or(0) as usize;
        offset = offset.wrapping_add(extent.wrapping_mul(stride));
    }
    Ok(())
}
