//! lookup: what every function of one int8 becomes, and the change of a quantization.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::Lookup;

use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;
use crate::pack::multiplier::Multiplier;
use crate::pack::view::{Affine, Place, View, ViewId};

/// An output for every int8, from −128 on.
pub(super) type Table = [i8; 256];

/// The table of a function, whose results are brought into the range of int8.
pub(super) fn tabulate(mut function: impl FnMut(i32) -> i32) -> Table {
    std::array::from_fn(|index| function(index as i32 - 128).clamp(-128, 127) as i8)
}

/// Adds a step that looks every element of `input` up.
pub(super) fn push(lowering: &mut Lowering, input: ViewId, output: ViewId, table: &Table) {
    let table_offset = lowering.weights.add_table(bytemuck::cast_slice(table));
    lowering.push(Operator::Lookup, &[input], output, &Lookup { table_offset });
    lowering.cost(0, table.len());
}

/// The table that expresses the same values in another quantization.
pub(super) fn requantization(from: Affine, to: Affine) -> Result<Table, Refusal> {
    let factor = Multiplier::of(f64::from(from.scale) / f64::from(to.scale))?;
    Ok(tabulate(|q| factor.scale(q - from.zero_point).saturating_add(to.zero_point)))
}

/// The operand of an operator that copies elements, in the quantization of the operator's output. Where it has another
/// one, that costs a step, or a copy of a constant. float32 operands are returned as they are.
pub(super) fn requantized(
    lowering: &mut Lowering,
    operand: ViewId,
    to: Option<Affine>,
) -> Result<ViewId, Refusal> {
    let view = *lowering.view(operand);
    let (Some(from), Some(to)) = (view.quantization, to) else { return Ok(operand) };
    if from == to {
        return Ok(operand);
    }
    let table = requantization(from, to)?;
    let target = View { quantization: Some(to), ..view };
    if let Place::Constant(offset) = target.place {
        let content = lowering.weights.content(offset, target.bytes());
        let content: Vec<u8> = content.iter().map(|&byte| table[usize::from(byte ^ 0x80)] as u8).collect();
        let place = Place::Constant(lowering.weights.add_table(&content));
        return Ok(lowering.add_view(View { place, ..target }));
    }
    let target = lowering.add_buffer(lowering.name_behind("requantized"), target);
    push(lowering, operand, target, &table);
    Ok(target)
}
