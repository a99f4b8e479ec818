//! depthwise_conv2d in float32.

use super::Memory;
use super::convolution::{self, windows};
use super::depthwise_conv2d::blocks;
use crate::error::Defect;
use crate::format::attributes::Convolution;
use crate::format::{FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

/// Marks a tap that lies in the padding.
const PADDING: i32 = -1;

pub(super) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let (input, output) = (operation.input(0)?, operation.output());
    let (blocks, lines) = blocks(operation)?;
    let taps = convolution::shape(operation)?.taps();
    let weights: &[FloatRow] = operation.weights(attributes.weights_offset, lines)?;
    let channels: &[FloatChannelBlock] = operation.weights(attributes.channels_offset, blocks)?;
    let (low, high) = attributes.clamp.as_float32();
    let memory = memory.separate::<f32, f32>(input, output)?;
    let mut outputs = memory.output.chunks_exact_mut((output.dims[3] as usize).max(1));
    for_each_pixel(operation, |offsets| {
        let pixel = outputs.next().ok_or(Defect::Placement)?;
        // One tap after the other: the output holds the sums until the last one.
        pixel.fill(0.0);
        for (tap, offset) in offsets.enumerate().filter(|(_, offset)| *offset != PADDING) {
            let values = memory.input.get(offset as usize..).unwrap_or_default().chunks(LANES);
            let lines = weights.iter().skip(tap).step_by(taps.max(1));
            for ((outputs, line), values) in pixel.chunks_mut(LANES).zip(lines).zip(values) {
                for ((output, weight), value) in outputs.iter_mut().zip(line).zip(values) {
                    *output += weight * value;
                }
            }
        }
        for (outputs, channels) in pixel.chunks_mut(LANES).zip(channels) {
            for (output, bias) in outputs.iter_mut().zip(channels.bias) {
                *output = (*output + bias).max(low).min(high);
            }
        }
        Ok(())
    })
}

/// Calls `pixel` for every output pixel with the indices of the input pixels that its taps lie on.
fn for_each_pixel(
    operation: &Operation<'_>,
    mut pixel: impl FnMut(&mut dyn Iterator<Item = i32>) -> Result<(), Defect>,
) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let [rows, columns] = windows(attributes);
    let [batch, h, w, c] = operation.input(0)?.dims;
    let [_, out_h, out_w, _] = operation.output().dims;
    for n in 0..batch {
        for y in 0..out_h {
            for x in 0..out_w {
                let (origin_y, origin_x) = (rows.origin(y), columns.origin(x));
                let mut taps = (0..rows.kernel).flat_map(|ky| {
                    let source_y = rows.tap(origin_y, ky, h);
                    (0..columns.kernel).map(move |kx| match (source_y, columns.tap(origin_x, kx, w)) {
                        (Some(y), Some(x)) => {
                            let row = n.wrapping_mul(h).wrapping_add(y);
                            row.wrapping_mul(w).wrapping_add(x).wrapping_mul(c) as i32
                        }
                        _ => PADDING,
                    })
                });
                pixel(&mut taps)?;
            }
        }
    }
    Ok(())
}
