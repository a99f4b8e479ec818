//! x86-64 with AVX-512 VNNI on 256-bit vectors.
//!
//! VPDPBUSD takes one unsigned operand: inputs are raised by 128, and 128 times the sum of the weights is taken back. It wraps where VPDPBUSDS would
//! saturate. The sum of the weights is computed along the way and not taken from the blob, so that a blob that states it wrongly gives what it
//! gives elsewhere.

use core::arch::x86_64::{
    _mm256_dpbusd_epi32, _mm256_loadu_si256, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm256_sub_epi32,
};

use super::blocks::{self, COLUMNS, Sums};
use super::{Depthwise, Gemm, Kernels};
use crate::format::{LANES, WeightCell};

/// Kernels for processors with AVX-512 VNNI and VL. [`super::kernels`] hands them out only there.
pub(super) struct Vnni;

impl Kernels for Vnni {
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for AVX2, AVX-512 VNNI and VL.
        unsafe { gemm(job, output) }
    }

    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
        // SAFETY: `super::kernels` has asked the processor for AVX2, AVX-512 VNNI and VL.
        unsafe { depthwise(job, input, taps, output) }
    }
}

#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn gemm(job: &Gemm<'_>, output: &mut [i8]) {
    blocks::gemm(job, output, |cells, columns| multiply(cells, columns));
}

#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn depthwise(job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]) {
    blocks::depthwise(job, input, taps, output);
}

#[inline]
#[target_feature(enable = "avx2,avx512vnni,avx512vl")]
fn multiply(cells: &[WeightCell], columns: [&[[i8; 4]]; COLUMNS]) -> Sums {
    let offset = _mm256_set1_epi8(i8::MIN);
    let mut offsets = _mm256_setzero_si256();
    let mut products = [_mm256_setzero_si256(); COLUMNS];
    let [a, b, c, d] = columns;
    for ((((cell, a), b), c), d) in cells.iter().zip(a).zip(b).zip(c).zip(d) {
        // SAFETY: a cell is 32 readable bytes, and the load needs no alignment.
        let weights = unsafe { _mm256_loadu_si256(cell.as_ptr().cast()) };
        offsets = _mm256_dpbusd_epi32(offsets, offset, weights);
        for (products, values) in products.iter_mut().zip([a, b, c, d]) {
            let raised = u32::from_le_bytes(values.map(|value| value as u8)) ^ 0x8080_8080;
            *products = _mm256_dpbusd_epi32(*products, _mm256_set1_epi32(raised as i32), weights);
        }
    }
    let mut sums = [[0; LANES]; COLUMNS];
    for (sums, products) in sums.iter_mut().zip(products) {
        let difference = _mm256_sub_epi32(products, offsets);
        // SAFETY: the array has 32 writable bytes, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), difference) };
    }
    sums
}
