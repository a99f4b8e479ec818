//! Armv8-A Advanced SIMD.
//!
//! SMULL gives 16-bit products, the largest of which is −128 · −128 = 2¹⁴, and SADALP adds neighbours to 32-bit sums at once: no sum of 16 bits
//! exists that could overflow. Four columns share every load of weights, and their sixteen accumulators leave the latency of SADALP hidden on
//! the in-order Cortex-A53.

use core::arch::aarch64::{
    int8x16_t, vdupq_n_s32, vget_high_s8, vget_low_s8, vld1q_s8, vmull_s8, vpadalq_s16, vpaddq_s32,
    vreinterpretq_s8_s32, vst1q_s32,
};

use super::blocks::{self, COLUMNS, Sums};
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for every aarch64 processor: Advanced SIMD is a part of the architecture.
pub(super) struct Neon;

impl Kernels for Neon {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        blocks::gemm(job, output, multiply);
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        blocks::depthwise(job, input, taps, output);
    }
}

/// The two halves of a cell: four rows each.
#[inline(always)]
pub(super) fn load(cell: &WeightCell) -> [int8x16_t; 2] {
    let (first, second) = cell.split_at(LANES / 2);
    // SAFETY: both halves are 16 readable bytes, and the load needs no alignment.
    unsafe { [vld1q_s8(first.as_ptr().cast()), vld1q_s8(second.as_ptr().cast())] }
}

/// The four values of a column's cell, repeated for each row.
#[inline(always)]
pub(super) fn repeat(values: &[i8; 4]) -> int8x16_t {
    let word = i32::from_le_bytes(values.map(|value| value as u8));
    // SAFETY: Advanced SIMD is a part of aarch64.
    unsafe { vreinterpretq_s8_s32(vdupq_n_s32(word)) }
}

#[inline(always)]
fn multiply(cells: &[WeightCell], columns: [&[[i8; 4]]; COLUMNS]) -> Sums {
    // SAFETY: Advanced SIMD is a part of aarch64.
    let zero = unsafe { vdupq_n_s32(0) };
    // Each accumulator holds two partial sums for each of two rows.
    let mut sums = [[zero; 4]; COLUMNS];
    let [a, b, c, d] = columns;
    for ((((cell, a), b), c), d) in cells.iter().zip(a).zip(b).zip(c).zip(d) {
        let [first, second] = load(cell);
        for (sums, values) in sums.iter_mut().zip([a, b, c, d]) {
            let values = repeat(values);
            // SAFETY: Advanced SIMD is a part of aarch64.
            unsafe {
                let (values_low, values_high) = (vget_low_s8(values), vget_high_s8(values));
                sums[0] = vpadalq_s16(sums[0], vmull_s8(vget_low_s8(first), values_low));
                sums[1] = vpadalq_s16(sums[1], vmull_s8(vget_high_s8(first), values_high));
                sums[2] = vpadalq_s16(sums[2], vmull_s8(vget_low_s8(second), values_low));
                sums[3] = vpadalq_s16(sums[3], vmull_s8(vget_high_s8(second), values_high));
            }
        }
    }
    let mut result = [[0; LANES]; COLUMNS];
    for (result, sums) in result.iter_mut().zip(sums) {
        let (first, second) = result.split_at_mut(LANES / 2);
        // SAFETY: both halves are 16 writable bytes, and the store needs no alignment.
        unsafe {
            vst1q_s32(first.as_mut_ptr(), vpaddq_s32(sums[0], sums[1]));
            vst1q_s32(second.as_mut_ptr(), vpaddq_s32(sums[2], sums[3]));
        }
    }
    result
}
