//! Scaling of sixteen sums with AVX-512.

use core::arch::x86_64::{
    __m512i, _mm512_abs_epi32, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpgt_epi32_mask,
    _mm512_cmplt_epi32_mask, _mm512_mask_blend_epi32, _mm512_mask_shuffle_epi32, _mm512_mask_sub_epi32,
    _mm512_max_epi32, _mm512_min_epu64, _mm512_mul_epi32, _mm512_mul_epu32, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sllv_epi32, _mm512_sllv_epi64,
    _mm512_srai_epi32, _mm512_srai_epi64, _mm512_srav_epi32, _mm512_srav_epi64, _mm512_srli_epi32,
    _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_sub_epi32,
};

use super::requantize_avx512::Channels;

/// The fast form of [`crate::fixed_point::scale_rounding_twice`] and the zero point, see [`super::constants`].
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scale_twice_fast(sums: __m512i, channels: &Channels) -> __m512i {
    let scaled = high_halves(_mm512_add_epi32(sums, sums), channels);
    _mm512_srav_epi32(_mm512_add_epi32(scaled, _mm512_srai_epi32::<31>(sums)), channels.right)
}

/// The same for [`super::requantize_avx512::Kind::Rectified`], whose constants do without doubling: rounded half up, which makes no
/// difference to positive sums.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scale_twice_rectified(sums: __m512i, channels: &Channels) -> __m512i {
    _mm512_srav_epi32(high_halves(sums, channels), channels.right)
}

/// High halves of products and addends.
#[inline]
#[target_feature(enable = "avx512f")]
fn high_halves(sums: __m512i, channels: &Channels) -> __m512i {
    let even = _mm512_add_epi64(_mm512_mul_epi32(sums, channels.multiplier), channels.even_addend);
    let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sums), channels.odd_multiplier);
    let odd = _mm512_add_epi64(odd, channels.odd_addend);
    // Those of odd lanes are in place.
    _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even)
}

/// The fast form of [`crate::fixed_point::scale_rounding_once`] and the zero point, see [`super::constants`].
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scale_once_fast(sums: __m512i, channels: &Channels) -> __m512i {
    let exponent = _mm512_add_epi32(channels.right, _mm512_set1_epi32(31));
    let low_half = _mm512_set1_epi64(0xffff_ffff);
    let scale = |sums: __m512i, multiplier, addend, exponent| {
        let product = _mm512_add_epi64(_mm512_mul_epi32(sums, multiplier), addend);
        let negative = _mm512_srai_epi64::<63>(_mm512_slli_epi64::<32>(sums));
        _mm512_srav_epi64(_mm512_add_epi64(product, negative), exponent)
    };
    let even = scale(sums, channels.multiplier, channels.even_addend, _mm512_and_si512(exponent, low_half));
    let odd = scale(
        _mm512_srli_epi64::<32>(sums),
        channels.odd_multiplier,
        channels.odd_addend,
        _mm512_srli_epi64::<32>(exponent),
    );
    _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd))
}

/// [`crate::fixed_point::scale_rounding_twice`]. Multipliers are not negative: no product saturates.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scale_twice(sums: __m512i, multiplier: __m512i, right: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let left = _mm512_max_epi32(_mm512_sub_epi32(zero, right), zero);
    let right = _mm512_max_epi32(right, zero);
    let values = _mm512_sllv_epi32(sums, left);
    // Bits 31 to 62 of the products of even and odd lanes.
    let half = _mm512_set1_epi64(1 << 30);
    let even = _mm512_add_epi64(_mm512_mul_epi32(values, multiplier), half);
    let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(values), _mm512_srli_epi64::<32>(multiplier));
    let odd = _mm512_add_epi64(odd, half);
    let products =
        _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<31>(even), _mm512_slli_epi64::<1>(odd));
    let one = _mm512_set1_epi32(1);
    let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
    let remainder = _mm512_and_si512(products, mask);
    // The shift of a negative number gives −1.
    let threshold = _mm512_sub_epi32(_mm512_srli_epi32::<1>(mask), _mm512_srai_epi32::<31>(products));
    let up = _mm512_cmpgt_epi32_mask(remainder, threshold);
    let shifted = _mm512_srav_epi32(products, right);
    _mm512_mask_sub_epi32(shifted, up, shifted, _mm512_set1_epi32(-1))
}

/// [`crate::fixed_point::scale_rounding_once`].
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scale_once(sums: __m512i, multiplier: __m512i, right: __m512i) -> __m512i {
    let magnitudes = _mm512_abs_epi32(sums);
    let exponents = _mm512_add_epi32(_mm512_set1_epi32(31), right);
    let even = scale_magnitudes(magnitudes, multiplier, exponents);
    let odd = scale_magnitudes(
        _mm512_srli_epi64::<32>(magnitudes),
        _mm512_srli_epi64::<32>(multiplier),
        _mm512_srli_epi64::<32>(exponents),
    );
    let scaled = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd));
    _mm512_mask_sub_epi32(
        scaled,
        _mm512_cmplt_epi32_mask(sums, _mm512_setzero_si512()),
        _mm512_setzero_si512(),
        scaled,
    )
}

/// Scales the low halves of 64-bit lanes, at most to `i32::MAX`.
#[inline]
#[target_feature(enable = "avx512f")]
fn scale_magnitudes(magnitudes: __m512i, multiplier: __m512i, exponents: __m512i) -> __m512i {
    let exponents = _mm512_and_si512(exponents, _mm512_set1_epi64(0x3f));
    let half = _mm512_srli_epi64::<1>(_mm512_sllv_epi64(_mm512_set1_epi64(1), exponents));
    let products = _mm512_add_epi64(_mm512_mul_epu32(magnitudes, multiplier), half);
    _mm512_min_epu64(_mm512_srlv_epi64(products, exponents), _mm512_set1_epi64(i32::MAX.into()))
}
