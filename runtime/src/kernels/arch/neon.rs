//! Armv8-A Advanced SIMD.
//!
//! SMULL gives 16-bit products, the largest of which is −128 · −128 = 2¹⁴, and SADALP adds neighbours to 32-bit sums at once: no
//! sum of 16 bits exists that could overflow. Four columns share every load of weights, and their sixteen accumulators leave the
//! latency of SADALP hidden on the in-order Cortex-A53.

use core::arch::aarch64::{
    int8x16_t, int32x4_t, vaddw_high_s16, vaddw_s16, vdupq_n_s32, vget_low_s8, vget_low_s16, vld1_s8,
    vld1q_s8, vmull_high_s8, vmull_s8, vpadalq_s16, vpaddq_s32, vreinterpretq_s8_s32,
};

use super::blocks::{self, Columns, Pixels, Taps, blocks};
use super::requantize_neon::requantize;
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for every aarch64 processor: Advanced SIMD is a part of the architecture.
pub(super) struct Neon;

impl Kernels for Neon {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { gemm(job, output) }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { depthwise(job, input, taps, output) }
    }
}

#[target_feature(enable = "neon")]
fn gemm(job: &Gemm<'_>, output: &mut [i8]) {
    blocks::gemm(
        job,
        output,
        |columns, pixels| tile(job, columns, pixels),
        |column, pixel| tile(job, column, pixel),
    );
}

#[inline]
#[target_feature(enable = "neon")]
fn tile<const N: usize>(job: &Gemm<'_>, columns: Columns<'_, N>, mut pixels: Pixels<'_, N>) {
    for block in blocks(job) {
        let mut outputs = [[0; LANES]; N];
        for (outputs, sums) in outputs.iter_mut().zip(multiply(block.cells, columns)) {
            *outputs = requantize(&job.quantization, block.channels, sums);
        }
        blocks::write(&mut pixels, outputs);
    }
}

/// The two halves of a cell: four rows each.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load(cell: &WeightCell) -> [int8x16_t; 2] {
    let (first, second) = cell.split_at(LANES / 2);
    // SAFETY: both halves are 16 readable bytes, and the load needs no alignment.
    unsafe { [vld1q_s8(first.as_ptr().cast()), vld1q_s8(second.as_ptr().cast())] }
}

/// The four values of a column's cell, repeated for each row.
#[inline]
#[target_feature(enable = "neon")]
fn repeat(values: &[i8; 4]) -> int8x16_t {
    vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(values.map(|value| value as u8))))
}

#[inline]
#[target_feature(enable = "neon")]
fn multiply<const N: usize>(cells: &[WeightCell], columns: Columns<'_, N>) -> [[int32x4_t; 2]; N] {
    // Each accumulator holds two partial sums for each of two rows.
    let mut sums = [[vdupq_n_s32(0); 4]; N];
    for (cell, values) in cells.iter().zip(columns.iter()) {
        let [first, second] = load(cell);
        for (sums, values) in sums.iter_mut().zip(values) {
            let values = repeat(values);
            sums[0] = vpadalq_s16(sums[0], vmull_s8(vget_low_s8(first), vget_low_s8(values)));
            sums[1] = vpadalq_s16(sums[1], vmull_high_s8(first, values));
            sums[2] = vpadalq_s16(sums[2], vmull_s8(vget_low_s8(second), vget_low_s8(values)));
            sums[3] = vpadalq_s16(sums[3], vmull_high_s8(second, values));
        }
    }
    sums.map(|[a, b, c, d]| [vpaddq_s32(a, b), vpaddq_s32(c, d)])
}

#[target_feature(enable = "neon")]
pub(super) fn depthwise(job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
    blocks::depthwise(job, input, taps, output, |taps| {
        requantize(&job.quantization, taps.channels, multiply_taps(taps))
    });
}

/// The sums of eight channels.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_taps(taps: &Taps<'_>) -> [int32x4_t; 2] {
    let mut sums = [vdupq_n_s32(0); 2];
    for (line, values) in taps.iter() {
        // SAFETY: both references are to 8 readable bytes, and the loads need no alignment.
        let (weights, values) = unsafe { (vld1_s8(line.as_ptr()), vld1_s8(values.as_ptr())) };
        let products = vmull_s8(weights, values);
        sums[0] = vaddw_s16(sums[0], vget_low_s16(products));
        sums[1] = vaddw_high_s16(sums[1], products);
    }
    sums
}
