//! Armv8.2-A dot product: SDOT multiplies four values of four rows and adds them up in one instruction.
//!
//! Its intrinsics are unstable, hence `asm!`. The form with an index takes one word of a vector of 16 values for all rows, so that
//! a column is loaded once for four cells.

use core::arch::aarch64::{int8x16_t, vaddq_s32, vdupq_n_s32, vld1q_s8, vreinterpretq_s8_s32};
use core::arch::asm;

use super::blocks::{self, COLUMNS, Columns, Pixels, blocks};
use super::requantize_neon::requantize;
use super::{Depthwise, Gemm, Kernels, neon};

/// Cells that a vector of values spans.
const SPAN: usize = 4;

/// Kernels for processors with the dot product. [`super::kernels`] hands them out only there.
pub(super) struct NeonDot;

impl Kernels for NeonDot {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for the dot product.
        unsafe { gemm(job, output) }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        // SDOT adds up what lies side by side in memory; channels of a depthwise convolution do not add up.
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { neon::depthwise(job, input, taps, output) }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn gemm(job: &Gemm<'_>, output: &mut [i8]) {
    blocks::gemm(
        job,
        output,
        |columns, pixels| tile(job, columns, pixels),
        |column, pixel| single(job, column, pixel),
    );
}

/// Adds to each 32-bit lane of `sums` the four products of its bytes with word `$word` of `values`.
macro_rules! dot {
    ($word:literal, $sums:expr, $weights:expr, $values:expr) => {
        // SAFETY: computes in registers alone; the processor has the instruction, as the function's target features say.
        unsafe {
            asm!(
                concat!("sdot {sums:v}.4s, {weights:v}.16b, {values:v}.4b[", $word, "]"),
                sums = inout(vreg) $sums,
                weights = in(vreg) $weights,
                values = in(vreg) $values,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
    };
}

/// Multiplies cell `$word` of four, for both halves of its rows.
macro_rules! multiply {
    ($word:literal, $cell:expr, $sums:expr, $values:expr) => {
        let [first, second] = neon::load($cell);
        for (sums, values) in $sums.iter_mut().zip($values) {
            dot!($word, sums[0], first, values);
            dot!($word, sums[1], second, values);
        }
    };
}

/// Four cells of a column.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn load(values: &[[i8; 4]; SPAN]) -> int8x16_t {
    // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
    unsafe { vld1q_s8(values.as_ptr().cast()) }
}

/// One cell of a column.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn repeat(values: &[i8; 4]) -> int8x16_t {
    vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(values.map(|value| value as u8))))
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn tile(job: &Gemm<'_>, columns: Columns<'_, COLUMNS>, mut pixels: Pixels<'_, COLUMNS>) {
    for block in blocks(job) {
        let mut sums = [[vdupq_n_s32(0); 2]; COLUMNS];
        let (spans, last) = block.cells.as_chunks::<SPAN>();
        for (cells, values) in spans.iter().zip(columns.spans()) {
            let values = values.map(|values| load(values));
            multiply!(0, &cells[0], sums, values);
            multiply!(1, &cells[1], sums, values);
            multiply!(2, &cells[2], sums, values);
            multiply!(3, &cells[3], sums, values);
        }
        for (cell, values) in last.iter().zip(columns.iter().skip(spans.len() * SPAN)) {
            let values = values.map(|values| repeat(values));
            multiply!(0, cell, sums, values);
        }
        let outputs = sums.map(|sums| requantize(&job.quantization, block.channels, sums));
        blocks::write(&mut pixels, outputs);
    }
}

/// One column: two cells at once, so that four sums hide the latency of the instruction.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn single(job: &Gemm<'_>, column: Columns<'_, 1>, mut pixel: Pixels<'_, 1>) {
    let (values_by_span, last_values) = column.column(0).as_chunks::<SPAN>();
    for block in blocks(job) {
        let (mut even, mut odd) = ([[vdupq_n_s32(0); 2]], [[vdupq_n_s32(0); 2]]);
        let (spans, last) = block.cells.as_chunks::<SPAN>();
        for (cells, values) in spans.iter().zip(values_by_span) {
            let values = [load(values)];
            multiply!(0, &cells[0], even, values);
            multiply!(1, &cells[1], odd, values);
            multiply!(2, &cells[2], even, values);
            multiply!(3, &cells[3], odd, values);
        }
        for (cell, values) in last.iter().zip(last_values) {
            multiply!(0, cell, even, [repeat(values)]);
        }
        let ([[a, b]], [[c, d]]) = (even, odd);
        let outputs = requantize(&job.quantization, block.channels, [vaddq_s32(a, c), vaddq_s32(b, d)]);
        blocks::write(&mut pixel, [outputs]);
    }
}
