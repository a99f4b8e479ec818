//! slice: a part of a tensor, with strides.

use super::Memory;
use super::strided::{self, Walk, strides, with_element};
use crate::error::Defect;
use crate::format::attributes::Slice;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Slice = operation.attributes()?;
    strided::verify(operation, 1)?;
    let parts = attributes.starts.into_iter().zip(attributes.strides);
    for ((start, stride), (input, output)) in
        parts.zip(operation.input(0)?.dims.into_iter().zip(operation.output().dims))
    {
        let last = output.checked_sub(1).and_then(|steps| steps.checked_mul(stride)?.checked_add(start));
        if stride == 0 || last.is_none_or(|last| last >= input) {
            return Err(Defect::Shapes);
        }
    }
    Ok(())
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Slice = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let mut walk = Walk { dims: output.dims, offset: 0, strides: strides(input.dims) };
    for ((stride, &start), &step) in walk.strides.iter_mut().zip(&attributes.starts).zip(&attributes.strides)
    {
        walk.offset = walk.offset.wrapping_add(stride.wrapping_mul(start as usize));
        *stride = stride.wrapping_mul(step as usize);
    }
    with_element!(operation, Element => {
        let memory = memory.separate::<Element, Element>(input, output)?;
        walk.gather(memory.input, memory.output);
    });
    Ok(())
}
