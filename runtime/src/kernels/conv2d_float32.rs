//! conv2d in float32.

use super::Memory;
use super::convolution::{self, windows};
use super::parts::parts;
use crate::error::Defect;
use crate::format::attributes::Convolution;
use crate::format::{FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

#[inline(never)]
pub(super) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let shape = convolution::shape(operation)?;
    let (channels_in, channels_out) = (shape.channels_in(), shape.channels_out());
    let (input, output) = (operation.input(0)?, operation.output());
    let product = |a: usize, b: usize| a.checked_mul(b).ok_or(Defect::Shapes);
    let blocks = product(shape.groups, shape.blocks())?;
    let row_length = product(attributes.kernel_w as usize, channels_in)?;
    let block_length = product(attributes.kernel_h as usize, row_length)?;
    let weights: &[FloatRow] =
        operation.weights(attributes.weights_offset, product(blocks, block_length)?)?;
    let channels: &[FloatChannelBlock] = operation.weights(attributes.channels_offset, blocks)?;
    let (low, high) = attributes.clamp.as_float32();
    let [rows, columns] = windows(attributes);
    let [batch, h, w, c] = input.dims;
    let [_, out_h, out_w, out_c] = output.dims;
    let memory = memory.separate::<f32, f32>(input, output)?;
    let image_length = product(product(h as usize, w as usize)?, c as usize)?;
    let mut outputs = memory.output.chunks_exact_mut((out_c as usize).max(1));
    for image in memory.input.chunks_exact(image_length.max(1)).take(batch as usize) {
        for y in 0..out_h {
            for x in 0..out_w {
                let Some(pixel) = outputs.next() else { return Err(Defect::Placement) };
                let (origin_y, origin_x) = (rows.origin(y), columns.origin(x));
                let groups = pixel.chunks_exact_mut(channels_out.max(1)).enumerate();
                let group_blocks =
                    parts(weights, shape.blocks() * block_length).zip(parts(channels, shape.blocks()));
                for ((group, outputs), (weights, channels)) in groups.zip(group_blocks) {
                    let lanes = outputs.chunks_mut(LANES);
                    let blocks = weights.chunks_exact(block_length.max(1)).zip(channels);
                    for (outputs, (weights, channels)) in lanes.zip(blocks) {
                        let mut sums = [0f32; LANES];
                        let kernel_rows = weights.chunks_exact(row_length.max(1));
                        for (ky, weights) in (0..rows.kernel).zip(kernel_rows) {
                            let Some(source_y) = rows.tap(origin_y, ky, h) else { continue };
                            for (kx, weights) in
                                (0..columns.kernel).zip(weights.chunks_exact(channels_in.max(1)))
                            {
                                let Some(source_x) = columns.tap(origin_x, kx, w) else { continue };
                                let pixel = source_y as usize * w as usize + source_x as usize;
                                let start = pixel * c as usize + group * channels_in;
                                let values = image.get(start..).unwrap_or_default();
                                accumulate(&mut sums, weights, values);
                            }
                        }
                        for ((output, sum), bias) in outputs.iter_mut().zip(sums).zip(channels.bias) {
                            *output = (sum + bias).max(low).min(high);
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Adds `weights · values` to eight sums, one value after the other: the order is part of the result.
#[inline(always)]
pub(super) fn accumulate(sums: &mut [f32; LANES], weights: &[FloatRow], values: &[f32]) {
    for (row, &value) in weights.iter().zip(values) {
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
}
