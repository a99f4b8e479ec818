//! Plain Rust: the definition of every result.

use super::{Depthwise, Gemm, Kernels, PADDING};
use crate::format::LANES;

/// Kernels for every target.
pub(crate) struct Portable;

impl Kernels for Portable {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        let columns = job.columns.chunks(job.column_stride.max(1)).take(job.count);
        let outputs = output.chunks_mut(job.output_stride.max(1));
        for (column, output) in columns.zip(outputs) {
            let blocks = job.weights.chunks_exact(job.cells.max(1)).zip(job.channels);
            let Some(mut outputs) = output.get_mut(..job.output_channels) else { return };
            for (cells, channels) in blocks {
                let mut sums = [0i32; LANES];
                for (cell, values) in cells.iter().zip(column.as_chunks::<4>().0) {
                    for (sum, row) in sums.iter_mut().zip(cell) {
                        for (&weight, &value) in row.iter().zip(values) {
                            *sum = sum.wrapping_add(i32::from(weight) * i32::from(value));
                        }
                    }
                }
                let lanes = outputs.len().min(LANES);
                let Some((now, later)) = outputs.split_at_mut_checked(lanes) else { return };
                for (lane, (output, sum)) in now.iter_mut().zip(sums).enumerate() {
                    *output = job.quantization.requantize(sum, channels, lane);
                }
                outputs = later;
            }
        }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        let blocks = job.weights.chunks_exact(taps.len().max(1)).zip(job.channels);
        let outputs = output.chunks_mut(LANES).take(job.channel_count.div_ceil(LANES));
        for (block, ((lines, channels), outputs)) in blocks.zip(outputs).enumerate() {
            let mut sums = [0i32; LANES];
            for (line, &tap) in lines.iter().zip(taps) {
                let pixel = if tap == PADDING { None } else { input.get(tap as usize + block * LANES..) };
                for (lane, (sum, &weight)) in sums.iter_mut().zip(line).enumerate() {
                    let value = match pixel {
                        Some(pixel) => pixel.get(lane).map_or(0, |&value| i32::from(value)),
                        None => job.quantization.input_zero_point,
                    };
                    *sum = sum.wrapping_add(i32::from(weight) * value);
                }
            }
            for (lane, (output, sum)) in outputs.iter_mut().zip(sums).enumerate() {
                *output = job.quantization.requantize(sum, channels, lane);
            }
        }
    }
}
