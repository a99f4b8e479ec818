//! Plain Rust: the definition of every result.

use super::columns::Columns;
use super::{Band, Convolution, Dense, Depthwise, Kernels, OutputQuantization, Workspace};
use crate::format::{ChannelBlock, LANES, WeightCell};
use crate::kernels::parts::parts;

/// Cells after which the sums of two channels that share a word must be told apart: 512 products of at most 2¹⁴ stay below 2²³.
const SEGMENT: usize = 128;

/// Kernels for every target.
pub(crate) struct Portable;

impl Kernels for Portable {
    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>) {
        let shape = &job.shape;
        let [_, width, out_channels] = shape.output;
        let cells = shape.cells();
        let scratch: &mut [i8] = bytemuck::try_cast_slice_mut(workspace.scratch).unwrap_or_default();
        let Some(column) = scratch.get_mut(..cells.wrapping_mul(4)) else { return };
        let group_weights = parts(job.weights, shape.blocks().wrapping_mul(cells));
        let groups = group_weights.zip(parts(job.channels, shape.blocks()));
        for (group, (weights, channels)) in groups.enumerate() {
            let columns = Columns {
                shape,
                first_input_row: band.first_input_row,
                input: band.input,
                first_channel: group.wrapping_mul(shape.channels_in()),
                zero_point: job.quantization.input_zero_point as i8,
            };
            let first = group.wrapping_mul(shape.channels_out());
            let mut pixels = band.output.chunks_exact_mut(out_channels.max(1));
            for y in band.rows.clone() {
                for x in 0..width {
                    let outputs = pixels
                        .next()
                        .and_then(|pixel| pixel.get_mut(first..first.checked_add(shape.channels_out())?));
                    let Some(outputs) = outputs else { return };
                    columns.gather(y, x, column);
                    multiply(weights, channels, &job.quantization, column, outputs);
                }
            }
        }
    }

    fn depthwise_conv2d(&self, job: &Depthwise<'_>, band: Band<'_>, _: Workspace<'_>) {
        let shape = &job.shape;
        let [h, w, c] = shape.input;
        let [_, width, _] = shape.output;
        let mut pixels = band.output.chunks_exact_mut(c.max(1));
        for y in band.rows.clone() {
            for x in 0..width {
                let Some(outputs) = pixels.next() else { return };
                let (origin_y, origin_x) = (shape.rows.origin(y as u32), shape.columns.origin(x as u32));
                let tap = |ky: u32, kx: u32| {
                    let row = shape.rows.tap(origin_y, ky, h as u32)? as usize;
                    let column = shape.columns.tap(origin_x, kx, w as u32)? as usize;
                    let pixel = row.checked_sub(band.first_input_row)?.checked_mul(w)?.checked_add(column)?;
                    band.input.get(pixel.checked_mul(c)?..)
                };
                let blocks = parts(job.weights, shape.taps()).zip(job.channels);
                for (block, ((lines, channels), outputs)) in blocks.zip(outputs.chunks_mut(LANES)).enumerate()
                {
                    let mut sums = [0i32; LANES];
                    let mut lines = lines.iter();
                    for ky in 0..shape.rows.kernel {
                        for (kx, line) in (0..shape.columns.kernel).zip(&mut lines) {
                            let pixel =
                                tap(ky, kx).map(|pixel| pixel.get(block * LANES..).unwrap_or_default());
                            for (lane, (sum, &weight)) in sums.iter_mut().zip(line).enumerate() {
                                let value = match pixel {
                                    Some(pixel) => pixel.get(lane).map_or(0, |&value| i32::from(value)),
                                    None => job.quantization.input_zero_point,
                                };
                                *sum = sum.wrapping_add(i32::from(weight) * value);
                            }
                        }
                    }
                    for (lane, (output, sum)) in outputs.iter_mut().zip(sums).enumerate() {
                        *output = job.quantization.requantize(sum, channels, lane);
                    }
                }
            }
        }
    }

    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], _: Workspace<'_>) {
        multiply(job.weights, job.channels, &job.quantization, input, output);
    }
}

/// Multiplies blocks of weights with one column. Values behind the end of the column count as zero.
fn multiply(
    weights: &[WeightCell],
    channels: &[ChannelBlock],
    quantization: &OutputQuantization,
    column: &[i8],
    outputs: &mut [i8],
) {
    let blocks = parts(weights, column.len().div_ceil(4)).zip(channels);
    for (outputs, (cells, channels)) in outputs.chunks_mut(LANES).zip(blocks) {
        let mut sums = [0i32; LANES];
        for (cells, values) in cells.chunks(SEGMENT).zip(column.chunks(4 * SEGMENT)) {
            add_segment(&mut sums, cells, values);
        }
        for (lane, (output, sum)) in outputs.iter_mut().zip(sums).enumerate() {
            *output = quantization.requantize(sum, channels, lane);
        }
    }
}

/// Adds the products of at most [`SEGMENT`] cells.
fn add_segment(sums: &mut [i32; LANES], cells: &[WeightCell], values: &[i8]) {
    // Of the even channel of each pair, and of both.
    let (mut even, mut both) = ([0i32; LANES / 2], [0i32; LANES / 2]);
    let mut add = |cell: &WeightCell, values: &[i8; 4]| {
        for (pair, (even, both)) in even.iter_mut().zip(&mut both).enumerate() {
            for (k, &value) in values.iter().enumerate() {
                let halfword = cell.halfwords.get(WeightCell::halfword(pair, k)).copied().unwrap_or(0);
                *even = even.wrapping_add(i32::from(halfword as i8) * i32::from(value));
                *both = both.wrapping_add(i32::from(halfword) * i32::from(value));
            }
        }
    };
    let (whole, tail) = values.as_chunks::<4>();
    for (cell, values) in cells.iter().zip(whole) {
        add(cell, values);
    }
    if let (Some(cell), false) = (cells.get(whole.len()), tail.is_empty()) {
        let mut values = [0; 4];
        for (value, &source) in values.iter_mut().zip(tail) {
            *value = source;
        }
        add(cell, &values);
    }
    for ([even_sum, odd_sum], (even, both)) in
        sums.as_chunks_mut::<2>().0.iter_mut().zip(even.into_iter().zip(both))
    {
        *even_sum = even_sum.wrapping_add(even);
        *odd_sum = odd_sum.wrapping_add(both.wrapping_sub(even) >> 8);
    }
}
