//! x86-64 with AVX2.
//!
//! Both operands are widened to 16 bits for VPMADDWD: VPMADDUBSW would saturate the sum of two products.

use core::arch::x86_64::{
    __m256i, _mm_cvtepi8_epi16, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_add_epi32,
    _mm256_broadcastq_epi64, _mm256_cvtepi8_epi16, _mm256_hadd_epi32, _mm256_madd_epi16,
    _mm256_permute4x64_epi64, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::blocks::{self, COLUMNS, Sums};
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
    blocks::gemm(job, output, |cells, columns| multiply(cells, columns));
}

#[target_feature(enable = "avx2")]
fn depthwise(job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
    blocks::depthwise(job, input, taps, output);
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
fn multiply(cells: &[WeightCell], columns: [&[[i8; 4]]; COLUMNS]) -> Sums {
    // Each accumulator holds two partial sums for each of four rows.
    let mut low = [_mm256_setzero_si256(); COLUMNS];
    let mut high = [_mm256_setzero_si256(); COLUMNS];
    let [a, b, c, d] = columns;
    for ((((cell, a), b), c), d) in cells.iter().zip(a).zip(b).zip(c).zip(d) {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = *cell;
        let (first, second) = (widen(&[r0, r1, r2, r3]), widen(&[r4, r5, r6, r7]));
        for (column, values) in [a, b, c, d].into_iter().enumerate() {
            let values = _mm_cvtsi32_si128(i32::from_le_bytes(values.map(|value| value as u8)));
            let values = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(values));
            low[column] = _mm256_add_epi32(low[column], _mm256_madd_epi16(first, values));
            high[column] = _mm256_add_epi32(high[column], _mm256_madd_epi16(second, values));
        }
    }
    let mut sums = [[0; LANES]; COLUMNS];
    for ((sums, low), high) in sums.iter_mut().zip(low).zip(high) {
        // Adds the partial sums; the instruction works on halves, so rows 2, 3 and 4, 5 change places.
        let rows = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(low, high));
        // SAFETY: the array has 32 writable bytes, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), rows) };
    }
    sums
}
