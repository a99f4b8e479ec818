//! x86-64 with AVX2.
//!
//! Both operands are widened to 16 bits for VPMADDWD: VPMADDUBSW would saturate the sum of two products.

use core::arch::x86_64::{
    __m256i, _mm_cvtepi8_epi16, _mm_cvtsi32_si128, _mm_cvtsi64_si128, _mm_loadu_si128, _mm_unpacklo_epi8,
    _mm256_add_epi32, _mm256_broadcastq_epi64, _mm256_cvtepi8_epi16, _mm256_hadd_epi32, _mm256_madd_epi16,
    _mm256_permute4x64_epi64, _mm256_setzero_si256,
};

use super::blocks::{self, Columns, Pixels, Taps, blocks};
use super::requantize_avx2::requantize;
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for processors with AVX2. [`super::kernels`] hands them out only there.
pub(super) struct Avx2;

impl Kernels for Avx2 {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for AVX2.
        unsafe { gemm(job, output) }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for AVX2.
        unsafe { depthwise(job, input, taps, output) }
    }
}

#[target_feature(enable = "avx2")]
fn gemm(job: &Gemm<'_>, output: &mut [i8]) {
    blocks::gemm(
        job,
        output,
        |columns, pixels| tile(job, columns, pixels),
        |columns, pixels| tile(job, columns, pixels),
    );
}

#[inline]
#[target_feature(enable = "avx2")]
fn tile<const N: usize>(job: &Gemm<'_>, columns: Columns<'_, N>, mut pixels: Pixels<'_, N>) {
    for block in blocks(job) {
        let mut outputs = [[0; LANES]; N];
        for (outputs, sums) in outputs.iter_mut().zip(multiply(block.cells, columns)) {
            *outputs = requantize(&job.quantization, block.channels, sums);
        }
        blocks::write(&mut pixels, outputs);
    }
}

/// Four rows of a cell, widened to 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(rows: &[[i8; 4]; LANES / 2]) -> __m256i {
    // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(rows.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
fn multiply<const N: usize>(cells: &[WeightCell], columns: Columns<'_, N>) -> [__m256i; N] {
    // Each accumulator holds two partial sums for each of four rows.
    let mut low = [_mm256_setzero_si256(); N];
    let mut high = [_mm256_setzero_si256(); N];
    for (cell, values) in cells.iter().zip(columns.iter()) {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = *cell;
        let (first, second) = (widen(&[r0, r1, r2, r3]), widen(&[r4, r5, r6, r7]));
        for ((low, high), values) in low.iter_mut().zip(&mut high).zip(values) {
            let values = _mm_cvtsi32_si128(i32::from_le_bytes(values.map(|value| value as u8)));
            let values = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(values));
            *low = _mm256_add_epi32(*low, _mm256_madd_epi16(first, values));
            *high = _mm256_add_epi32(*high, _mm256_madd_epi16(second, values));
        }
    }
    for (low, high) in low.iter_mut().zip(high) {
        // Adds the partial sums; the instruction works on halves, so rows 2, 3 and 4, 5 change places.
        *low = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(*low, high));
    }
    low
}

#[target_feature(enable = "avx2")]
pub(super) fn depthwise(job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
    blocks::depthwise(job, input, taps, output, |taps| {
        requantize(&job.quantization, taps.channels, multiply_taps(taps))
    });
}

/// The sums of eight channels. Two taps of a channel lie side by side, as VPMADDWD wants them.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply_taps(taps: &Taps<'_>) -> __m256i {
    let mut sums = _mm256_setzero_si256();
    for [(first_line, first), (second_line, second)] in taps.pairs() {
        let weights = interleave(first_line, second_line);
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(weights, interleave(&first, &second)));
    }
    sums
}

/// Eight pairs of values, widened to 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn interleave(first: &[i8; LANES], second: &[i8; LANES]) -> __m256i {
    let load = |values: &[i8; LANES]| _mm_cvtsi64_si128(i64::from_le_bytes(values.map(|value| value as u8)));
    _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(load(first), load(second)))
}
