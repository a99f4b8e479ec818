//! The walk over columns and blocks, for families that differ only in how they multiply one block.
//!
//! Everything here is inlined into functions that are compiled for the family's instruction set.

use super::{Depthwise, Gemm, PADDING};
use crate::format::{LANES, WeightCell};

/// Columns that are multiplied at once, so that a block of weights is loaded once for all of them.
pub(super) const COLUMNS: usize = 4;

/// Sums of 8 output channels for each of [`COLUMNS`] columns.
pub(super) type Sums = [[i32; LANES]; COLUMNS];

/// Multiplies all columns with all blocks. `multiply` gets the cells of a block and as many cells of each column; columns behind the last
/// one repeat it, and their sums are not used.
#[inline(always)]
pub(super) fn gemm(
    job: &Gemm<'_>,
    output: &mut [i8],
    multiply: impl Fn(&[WeightCell], [&[[i8; 4]]; COLUMNS]) -> Sums,
) {
    let column = |index: usize| {
        let start = index.min(job.count.saturating_sub(1)).wrapping_mul(job.column_stride);
        job.columns.get(start..).and_then(|column| column.as_chunks::<4>().0.get(..job.cells))
    };
    let mut outputs = output.chunks_mut(job.output_stride.max(1));
    for first in (0..job.count).step_by(COLUMNS) {
        let (Some(a), Some(b), Some(c), Some(d)) =
            (column(first), column(first + 1), column(first + 2), column(first + 3))
        else {
            return;
        };
        let mut pixels: [&mut [i8]; COLUMNS] = [&mut [], &mut [], &mut [], &mut []];
        for pixel in pixels.iter_mut().take(job.count - first) {
            let Some(outputs) = outputs.next() else { break };
            *pixel = outputs.get_mut(..job.output_channels).unwrap_or_default();
        }
        let blocks = job.weights.chunks_exact(job.cells.max(1)).zip(job.channels);
        for (block, (cells, channels)) in blocks.enumerate() {
            let sums = multiply(cells, [a, b, c, d]);
            for (pixel, sums) in pixels.iter_mut().zip(&sums) {
                let outputs = pixel.get_mut(block * LANES..).unwrap_or_default();
                for (lane, (output, &sum)) in outputs.iter_mut().zip(sums).enumerate() {
                    *output = job.quantization.requantize(sum, channels, lane);
                }
            }
        }
    }
}

/// Multiplies one pixel's taps with all blocks, 8 channels side by side.
#[inline(always)]
pub(super) fn depthwise(job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
    let padding = [job.quantization.input_zero_point as i8; LANES];
    let blocks = job.weights.chunks_exact(taps.len().max(1)).zip(job.channels);
    let outputs = output.chunks_mut(LANES).take(job.channel_count.div_ceil(LANES));
    for (block, ((lines, channels), outputs)) in blocks.zip(outputs).enumerate() {
        let mut sums = [0i32; LANES];
        for (line, &tap) in lines.iter().zip(taps) {
            let values = if tap == PADDING {
                padding
            } else {
                eight(input, (tap as usize).wrapping_add(block * LANES))
            };
            for lane in 0..LANES {
                sums[lane] = sums[lane].wrapping_add(i32::from(line[lane]) * i32::from(values[lane]));
            }
        }
        for (lane, (output, &sum)) in outputs.iter_mut().zip(&sums).enumerate() {
            *output = job.quantization.requantize(sum, channels, lane);
        }
    }
}

/// Eight values from `start` on; zeros behind the end of the input.
#[inline(always)]
fn eight(input: &[i8], start: usize) -> [i8; LANES] {
    let rest = input.get(start..).unwrap_or_default();
    if let Some(values) = rest.first_chunk::<LANES>() {
        return *values;
    }
    let mut values = [0; LANES];
    for (value, &source) in values.iter_mut().zip(rest) {
        *value = source;
    }
    values
}
