//! resize_nearest: nearest neighbour through tables of source rows and columns.

use super::Memory;
use super::strided::{self, with_element};
use crate::error::Defect;
use crate::format::attributes::ResizeNearest;
use crate::program::Operation;

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &ResizeNearest = operation.attributes()?;
    strided::verify(operation, 1)?;
    let ([n, h, w, c], [out_n, out_h, out_w, out_c]) = (operation.input(0)?.dims, operation.output().dims);
    let rows: &[u16] = operation.weights(attributes.rows_offset, out_h as usize)?;
    let columns: &[u16] = operation.weights(attributes.columns_offset, out_w as usize)?;
    let inside = |sources: &[u16], inputs: u32| sources.iter().all(|&source| u32::from(source) < inputs);
    if n == out_n && c == out_c && inside(rows, h) && inside(columns, w) {
        Ok(())
    } else {
        Err(Defect::Shapes)
    }
}

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &ResizeNearest = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let ([_, h, w, c], [batch, out_h, out_w, _]) = (input.dims.map(|dim| dim as usize), output.dims);
    let rows: &[u16] = operation.weights(attributes.rows_offset, out_h as usize)?;
    let columns: &[u16] = operation.weights(attributes.columns_offset, out_w as usize)?;
    with_element!(operation, Element => {
        let memory = memory.separate::<Element, Element>(input, output)?;
        let mut pixels = memory.output.chunks_exact_mut(c.max(1));
        for n in 0..batch as usize {
            for &y in rows {
                for &x in columns {
                    let row = n.wrapping_mul(h).wrapping_add(y.into()).wrapping_mul(w);
                    let start = row.wrapping_add(x.into()).wrapping_mul(c);
                    let source = memory.input.get(start..).unwrap_or_default();
                    for (output, input) in pixels.next().unwrap_or_default().iter_mut().zip(source) {
                        *output = *input;
                    }
                }
            }
        }
    });
    Ok(())
}
