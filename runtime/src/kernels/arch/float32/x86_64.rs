//! Tiles for x86-64. The compiler makes vectors of the fixed arrays; it never fuses a product with a sum.

use super::{Convolution, tiles};
use crate::family::Family;

/// Convolves one image with AVX2, or AVX-512 if `family` has it. The family has to be available.
pub(super) fn conv2d(family: Family, job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    if family == Family::Vnni {
        // SAFETY: the family is available, so the processor has AVX-512 VL, and with it F.
        unsafe { conv2d_avx512(job, input, output) }
    } else {
        // SAFETY: the family is available, so the processor has AVX2.
        unsafe { conv2d_avx2(job, input, output) }
    }
}

/// Convolves each channel of one image with AVX2, which all families of this processor have. One of them has to be available.
pub(super) fn depthwise_conv2d(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    // SAFETY: a family is available, so the processor has AVX2.
    unsafe { depthwise_conv2d_avx2(job, input, output) }
}

/// 32 registers hold the sums of 8 pixels × 16 channels.
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn conv2d_avx512(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    tiles::conv2d::<8>(job, input, output);
}

/// 16 registers hold the sums of 4 pixels × 16 channels.
#[target_feature(enable = "avx2")]
fn conv2d_avx2(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    tiles::conv2d::<4>(job, input, output);
}

#[target_feature(enable = "avx2")]
fn depthwise_conv2d_avx2(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    tiles::depthwise_conv2d(job, input, output);
}
