//! transpose: dimensions in another order.

use super::Memory;
use super::strided::{self, Walk, strides, with_element};
use crate::error::Defect;
use crate::format::attributes::Transpose;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Transpose = operation.attributes()?;
    strided::verify(operation, 1)?;
    let input = operation.input(0)?.dims;
    let mut seen = [false; 4];
    for (&source, output) in attributes.permutation.iter().zip(operation.output().dims) {
        let dimension = seen.get_mut(source as usize).ok_or(Defect::Attributes)?;
        if core::mem::replace(dimension, true) || input.get(source as usize) != Some(&output) {
            return Err(Defect::Shapes);
        }
    }
    Ok(())
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Transpose = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let of_input = strides(input.dims);
    let permuted = attributes.permutation.map(|source| of_input.get(source as usize).copied().unwrap_or(0));
    let walk = Walk { dims: output.dims, offset: 0, strides: permuted };
    with_element!(operation, Element => {
        let memory = memory.separate::<Element, Element>(input, output)?;
        walk.gather(memory.input, memory.output);
    });
    Ok(())
}
