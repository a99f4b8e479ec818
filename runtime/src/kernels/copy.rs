//! copy: the same bytes elsewhere.

use super::Memory;
use super::strided::{self, with_element};
use crate::error::Defect;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    operation.attributes::<[u8; 0]>()?;
    strided::verify(operation, 1)?;
    let same = operation.input(0)?.elements() == operation.output().elements();
    if same { Ok(()) } else { Err(Defect::Shapes) }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    with_element!(operation, Element => {
        let memory = memory.separate::<Element, Element>(operation.input(0)?, operation.output())?;
        for (output, input) in memory.output.iter_mut().zip(memory.input) {
            *output = *input;
        }
    });
    Ok(())
}
