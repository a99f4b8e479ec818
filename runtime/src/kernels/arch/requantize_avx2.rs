//! Requantization of eight channels with AVX2, for all families of x86-64.

use core::arch::x86_64::{
    __m256i, _mm_cvtsi128_si64, _mm_packs_epi16, _mm_packs_epi32, _mm256_abs_epi32, _mm256_add_epi32,
    _mm256_add_epi64, _mm256_and_si256, _mm256_blend_epi32, _mm256_blendv_epi8, _mm256_castsi256_si128,
    _mm256_cmpgt_epi32, _mm256_cmpgt_epi64, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_max_epi32,
    _mm256_min_epi32, _mm256_mul_epi32, _mm256_mul_epu32, _mm256_mullo_epi32, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_sign_epi32, _mm256_slli_epi64, _mm256_sllv_epi32,
    _mm256_sllv_epi64, _mm256_srai_epi32, _mm256_srav_epi32, _mm256_srli_epi32, _mm256_srli_epi64,
    _mm256_srlv_epi64, _mm256_sub_epi32,
};

use super::{OutputQuantization, Rounding};
use crate::format::{ChannelBlock, LANES};

/// The outputs for the sums of a block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn requantize(
    quantization: &OutputQuantization,
    channels: &ChannelBlock,
    sums: __m256i,
) -> [i8; LANES] {
    let zero_points =
        _mm256_mullo_epi32(_mm256_set1_epi32(quantization.input_zero_point), load(&channels.weight_sum));
    let folded = _mm256_sub_epi32(load(&channels.bias), zero_points);
    let sums = _mm256_add_epi32(sums, folded);
    let (multiplier, shift) = (load(&channels.multiplier), load(&channels.shift));
    let scaled = match quantization.rounding {
        Rounding::Twice => scale_rounding_twice(sums, multiplier, shift),
        Rounding::Once => scale_rounding_once(sums, multiplier, shift),
    };
    let raised = _mm256_add_epi32(scaled, _mm256_set1_epi32(quantization.output_zero_point));
    let bounded = _mm256_max_epi32(raised, _mm256_set1_epi32(quantization.low));
    let bounded = _mm256_min_epi32(bounded, _mm256_set1_epi32(quantization.high));
    // The bounds are int8: nothing saturates.
    let words = _mm_packs_epi32(_mm256_castsi256_si128(bounded), _mm256_extracti128_si256::<1>(bounded));
    _mm_cvtsi128_si64(_mm_packs_epi16(words, words)).to_le_bytes().map(|byte| byte as i8)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(values: &[i32; LANES]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

/// [`crate::fixed_point::scale_rounding_twice`]. Multipliers are not negative: no product saturates.
#[inline]
#[target_feature(enable = "avx2")]
fn scale_rounding_twice(sums: __m256i, multiplier: __m256i, shift: __m256i) -> __m256i {
    let zero = _mm256_setzero_si256();
    let left = _mm256_max_epi32(shift, zero);
    let right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
    let values = _mm256_sllv_epi32(sums, left);
    // Bits 31 to 62 of the products of even and odd lanes.
    let half = _mm256_set1_epi64x(1 << 30);
    let even = _mm256_add_epi64(_mm256_mul_epi32(values, multiplier), half);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(values), _mm256_srli_epi64::<32>(multiplier));
    let odd = _mm256_add_epi64(odd, half);
    let products =
        _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<31>(even), _mm256_slli_epi64::<1>(odd));
    let one = _mm256_set1_epi32(1);
    let mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, right), one);
    let remainder = _mm256_and_si256(products, mask);
    // The comparison gives −1, and so does the shift of a negative number.
    let threshold = _mm256_sub_epi32(_mm256_srli_epi32::<1>(mask), _mm256_srai_epi32::<31>(products));
    let up = _mm256_cmpgt_epi32(remainder, threshold);
    _mm256_sub_epi32(_mm256_srav_epi32(products, right), up)
}

/// [`crate::fixed_point::scale_rounding_once`].
#[inline]
#[target_feature(enable = "avx2")]
fn scale_rounding_once(sums: __m256i, multiplier: __m256i, shift: __m256i) -> __m256i {
    let magnitudes = _mm256_abs_epi32(sums);
    let exponents = _mm256_sub_epi32(_mm256_set1_epi32(31), shift);
    let even = scale_magnitudes(magnitudes, multiplier, exponents);
    let odd = scale_magnitudes(
        _mm256_srli_epi64::<32>(magnitudes),
        _mm256_srli_epi64::<32>(multiplier),
        _mm256_srli_epi64::<32>(exponents),
    );
    _mm256_sign_epi32(_mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<32>(odd)), sums)
}

/// Scales the low halves of 64-bit lanes, at most to `i32::MAX`.
#[inline]
#[target_feature(enable = "avx2")]
fn scale_magnitudes(magnitudes: __m256i, multiplier: __m256i, exponents: __m256i) -> __m256i {
    let exponents = _mm256_and_si256(exponents, _mm256_set1_epi64x(0x3f));
    let half = _mm256_srli_epi64::<1>(_mm256_sllv_epi64(_mm256_set1_epi64x(1), exponents));
    let products = _mm256_add_epi64(_mm256_mul_epu32(magnitudes, multiplier), half);
    let scaled = _mm256_srlv_epi64(products, exponents);
    let largest = _mm256_set1_epi64x(i32::MAX.into());
    _mm256_blendv_epi8(scaled, largest, _mm256_cmpgt_epi64(scaled, largest))
}
