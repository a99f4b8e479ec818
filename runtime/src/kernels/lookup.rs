//! lookup: any function of one int8, as a table.

use super::Memory;
use super::memory::Element;
use crate::error::Defect;
use crate::format::DataType;
use crate::format::attributes::Lookup;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Lookup = operation.attributes()?;
    operation.require(1, DataType::Int8)?;
    operation.require_placement(true)?;
    operation.weights::<[i8; 256]>(attributes.table_offset, 1)?;
    let same = operation.input(0)?.dims == operation.output().dims;
    if same { Ok(()) } else { Err(Defect::Shapes) }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Lookup = operation.attributes()?;
    let table = operation.weights::<[i8; 256]>(attributes.table_offset, 1)?.first().ok_or(Defect::Weights)?;
    let output = operation.output();
    let cells = memory.cells();
    let (source, target) = (cells.input(operation.input(0)?)?, cells.output(output)?);
    for index in 0..output.elements().ok_or(Defect::Shapes)? {
        // Entry 0 is the output for −128: the bytes of an int8 with its sign bit turned.
        let entry = i8::read(source, index) as u8 ^ 0x80;
        i8::write(target, index, table[usize::from(entry)]);
    }
    Ok(())
}
