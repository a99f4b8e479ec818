//! resize_nearest.

use dunlin_runtime::format::Operator;
use dunlin_runtime::format::attributes::ResizeNearest;

use super::lookup::requantized;
use crate::graph::Node;
use crate::pack::error::Refusal;
use crate::pack::lowering::Lowering;

pub(super) fn lower(
    lowering: &mut Lowering,
    node: &Node,
    source_rows: &[usize],
    source_columns: &[usize],
) -> Result<(), Refusal> {
    lowering.same_type(node, &node.inputs)?;
    let x = lowering.variable(node.inputs[0])?;
    let output = lowering.define(node.output)?;
    let quantization = lowering.view(output).quantization;
    let x = requantized(lowering, x, quantization)?;
    let (rows, columns) = (table(source_rows)?, table(source_columns)?);
    let weight_bytes = rows.len() + columns.len();
    let attributes = ResizeNearest {
        rows_offset: lowering.weights.add_table(&rows),
        columns_offset: lowering.weights.add_table(&columns),
    };
    lowering.push(Operator::ResizeNearest, &[x], output, &attributes);
    lowering.cost(0, weight_bytes);
    Ok(())
}

fn table(sources: &[usize]) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(2 * sources.len());
    for &source in sources {
        let Ok(source) = u16::try_from(source) else {
            return Err(Refusal::new("its image has more than 65536 rows or columns", "use smaller images"));
        };
        bytes.extend_from_slice(&source.to_le_bytes());
    }
    Ok(bytes)
}
