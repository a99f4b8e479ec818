//! Plain loops: the definition of every result, and what microcontrollers run.

use super::{Bounds, Convolution, Dense};
use crate::format::{FloatChannelBlock, FloatRow, LANES};
use crate::kernels::parts::{parts, parts_mut};

pub(super) fn conv2d(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    let shape = &job.shape;
    let (channels_in, channels_out, blocks) = (shape.channels_in(), shape.channels_out(), shape.blocks());
    let row_length = channels_in.saturating_mul(shape.columns.kernel as usize);
    let block_length = row_length.saturating_mul(shape.rows.kernel as usize);
    let [h, w, c] = shape.input;
    let [out_h, out_w, out_c] = shape.output;
    let mut outputs = output.chunks_exact_mut(out_c.max(1));
    for y in 0..out_h as u32 {
        for x in 0..out_w as u32 {
            let Some(pixel) = outputs.next() else { return };
            let (origin_y, origin_x) = (shape.rows.origin(y), shape.columns.origin(x));
            let groups = pixel.chunks_exact_mut(channels_out.max(1)).enumerate();
            let group_blocks =
                parts(job.weights, blocks.saturating_mul(block_length)).zip(parts(job.channels, blocks));
            for ((group, outputs), (weights, channels)) in groups.zip(group_blocks) {
                let lanes = outputs.chunks_mut(LANES);
                let blocks = weights.chunks_exact(block_length.max(1)).zip(channels);
                for (outputs, (weights, channels)) in lanes.zip(blocks) {
                    let mut sums = [0f32; LANES];
                    let kernel_rows = weights.chunks_exact(row_length.max(1));
                    for (ky, weights) in (0..shape.rows.kernel).zip(kernel_rows) {
                        let Some(source_y) = shape.rows.tap(origin_y, ky, h as u32) else { continue };
                        let taps = weights.chunks_exact(channels_in.max(1));
                        for (kx, weights) in (0..shape.columns.kernel).zip(taps) {
                            let Some(source_x) = shape.columns.tap(origin_x, kx, w as u32) else { continue };
                            let pixel = source_y as usize * w + source_x as usize;
                            let values = input.get(pixel * c + group * channels_in..).unwrap_or_default();
                            accumulate(&mut sums, weights, values);
                        }
                    }
                    finish(outputs, &sums, channels, job.bounds);
                }
            }
        }
    }
}

pub(super) fn depthwise_conv2d(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    let shape = &job.shape;
    let [h, w, c] = shape.input;
    let [out_h, out_w, out_c] = shape.output;
    let mut outputs = output.chunks_exact_mut(out_c.max(1));
    for y in 0..out_h as u32 {
        for x in 0..out_w as u32 {
            let Some(pixel) = outputs.next() else { return };
            // One tap after the other: the output holds the sums until the last one.
            pixel.fill(0.0);
            let mut tap = 0;
            for ky in 0..shape.rows.kernel {
                let source_y = shape.rows.tap(shape.rows.origin(y), ky, h as u32);
                for kx in 0..shape.columns.kernel {
                    let source_x = shape.columns.tap(shape.columns.origin(x), kx, w as u32);
                    if let (Some(source_y), Some(source_x)) = (source_y, source_x) {
                        let start = (source_y as usize * w + source_x as usize) * c;
                        let values = input.get(start..).unwrap_or_default().chunks(LANES);
                        let lines = job.weights.iter().skip(tap).step_by(shape.taps().max(1));
                        for ((outputs, line), values) in pixel.chunks_mut(LANES).zip(lines).zip(values) {
                            for ((output, weight), value) in outputs.iter_mut().zip(line).zip(values) {
                                *output += weight * value;
                            }
                        }
                    }
                    tap += 1;
                }
            }
            for (outputs, channels) in pixel.chunks_mut(LANES).zip(job.channels) {
                for (output, bias) in outputs.iter_mut().zip(channels.bias) {
                    *output = job.bounds.apply(*output + bias);
                }
            }
        }
    }
}

pub(super) fn fully_connected(job: &Dense<'_>, input: &[f32], output: &mut [f32]) {
    for (vector, outputs) in parts(input, job.inputs).zip(parts_mut(output, job.outputs)) {
        let blocks = job.weights.chunks_exact(job.inputs.max(1)).zip(job.channels);
        for (outputs, (weights, channels)) in outputs.chunks_mut(LANES).zip(blocks) {
            let mut sums = [0f32; LANES];
            accumulate(&mut sums, weights, vector);
            finish(outputs, &sums, channels, job.bounds);
        }
    }
}

/// Adds `weights · values` to eight sums, one value after the other: the order is part of the result.
#[inline(always)]
fn accumulate(sums: &mut FloatRow, weights: &[FloatRow], values: &[f32]) {
    for (row, &value) in weights.iter().zip(values) {
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
}

/// Adds the bias and applies the activation.
#[inline(always)]
fn finish(outputs: &mut [f32], sums: &FloatRow, channels: &FloatChannelBlock, bounds: Bounds) {
    for ((output, sum), bias) in outputs.iter_mut().zip(sums).zip(channels.bias) {
        *output = bounds.apply(sum + bias);
    }
}
