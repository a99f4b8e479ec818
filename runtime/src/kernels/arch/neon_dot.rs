//! Armv8.2-A dot product: SDOT multiplies four values of four rows and adds them up in one instruction.
//!
//! Its intrinsics are unstable, hence `asm!`.

use core::arch::aarch64::{int8x16_t, int32x4_t, vdupq_n_s32, vst1q_s32};
use core::arch::asm;

use super::blocks::{self, COLUMNS, Sums};
use super::neon::{load, repeat};
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for processors with the dot product. [`super::kernels`] hands them out only there.
pub(super) struct NeonDot;

impl Kernels for NeonDot {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for the dot product.
        unsafe { gemm(job, output) }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        blocks::depthwise(job, input, taps, output);
    }
}

#[target_feature(enable = "neon,dotprod")]
fn gemm(job: &Gemm<'_>, output: &mut [i8]) {
    blocks::gemm(job, output, |cells, columns| multiply(cells, columns));
}

/// Adds to each 32-bit lane of `sums` the four products of its bytes.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot(sums: &mut int32x4_t, weights: int8x16_t, values: int8x16_t) {
    // SAFETY: computes in registers alone; the processor has the instruction, as the function's target features say.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {values:v}.16b",
            sums = inout(vreg) *sums,
            weights = in(vreg) weights,
            values = in(vreg) values,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn multiply(cells: &[WeightCell], columns: [&[[i8; 4]]; COLUMNS]) -> Sums {
    let mut sums = [[vdupq_n_s32(0); 2]; COLUMNS];
    let [a, b, c, d] = columns;
    for ((((cell, a), b), c), d) in cells.iter().zip(a).zip(b).zip(c).zip(d) {
        let [first, second] = load(cell);
        for (sums, values) in sums.iter_mut().zip([a, b, c, d]) {
            let values = repeat(values);
            dot(&mut sums[0], first, values);
            dot(&mut sums[1], second, values);
        }
    }
    let mut result = [[0; LANES]; COLUMNS];
    for (result, sums) in result.iter_mut().zip(sums) {
        let (first, second) = result.split_at_mut(LANES / 2);
        // SAFETY: both halves are 16 writable bytes, and the store needs no alignment.
        unsafe {
            vst1q_s32(first.as_mut_ptr(), sums[0]);
            vst1q_s32(second.as_mut_ptr(), sums[1]);
        }
    }
    result
}
