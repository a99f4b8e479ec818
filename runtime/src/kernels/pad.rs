//! pad: a constant border.

use super::Memory;
use super::strided::{self, Walk, strides, with_element};
use crate::error::Defect;
use crate::format::attributes::Pad;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Pad = operation.attributes()?;
    strided::verify(operation, 1)?;
    let inputs = operation.input(0)?.dims.into_iter().zip(attributes.before);
    for ((input, before), output) in inputs.zip(operation.output().dims) {
        if input.checked_add(before).is_none_or(|end| end > output) {
            return Err(Defect::Shapes);
        }
    }
    Ok(())
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Pad = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let strides = strides(output.dims);
    let offset = attributes.before.iter().zip(strides).fold(0usize, |offset, (&before, stride)| {
        offset.wrapping_add((before as usize).wrapping_mul(stride))
    });
    let walk = Walk { dims: input.dims, offset, strides };
    with_element!(operation, Element => {
        let memory = memory.separate::<Element, Element>(input, output)?;
        memory.output.fill(attributes.value as Element);
        walk.scatter(memory.input, memory.output);
    });
    Ok(())
}
