//! Requantization of eight channels with AVX2.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_max_epi8, _mm_min_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi8,
    _mm_storel_epi64, _mm256_abs_epi32, _mm256_add_epi32, _mm256_add_epi64, _mm256_and_si256,
    _mm256_blend_epi32, _mm256_blendv_epi8, _mm256_castsi256_si128, _mm256_cmpgt_epi32, _mm256_cmpgt_epi64,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_max_epi32, _mm256_mul_epi32, _mm256_mul_epu32,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_sign_epi32, _mm256_slli_epi64,
    _mm256_sllv_epi32, _mm256_sllv_epi64, _mm256_srai_epi32, _mm256_srav_epi32, _mm256_srli_epi32,
    _mm256_srli_epi64, _mm256_srlv_epi64, _mm256_sub_epi32,
};

use super::super::{OutputQuantization, Rounding};

/// Lanes of a vector.
pub(super) const LANES: usize = 8;

/// The constants of eight channels, see [`super::constants`].
#[derive(Clone, Copy)]
pub(super) struct Channels {
    /// What a sum starts with.
    pub start: __m256i,
    multiplier: __m256i,
    odd_multiplier: __m256i,
    right: __m256i,
    even_addend: __m256i,
    odd_addend: __m256i,
}

/// What all channels of an operator have in common.
#[derive(Clone, Copy)]
pub(super) struct Requantization {
    pub is_fast: bool,
    rounding: Rounding,
    zero_point: __m256i,
    low: __m128i,
    high: __m128i,
}

impl Channels {
    /// Loads constants.
    ///
    /// # Safety
    /// There are [`super::layout::CONSTANTS`] vectors behind `words`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn load(words: *const i32) -> Channels {
        // SAFETY: the caller's condition; the load needs no alignment.
        let of = |index: usize| unsafe { _mm256_loadu_si256(words.add(index * LANES).cast()) };
        let multiplier = of(1);
        Channels {
            start: of(0),
            multiplier,
            odd_multiplier: _mm256_srli_epi64::<32>(multiplier),
            right: of(2),
            even_addend: of(3),
            odd_addend: of(4),
        }
    }
}

impl Requantization {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn of(quantization: &OutputQuantization, is_fast: bool) -> Requantization {
        Requantization {
            is_fast: is_fast && quantization.rounding == Rounding::Twice,
            rounding: quantization.rounding,
            zero_point: _mm256_set1_epi32(quantization.output_zero_point),
            low: _mm_set1_epi8(quantization.low as i8),
            high: _mm_set1_epi8(quantization.high as i8),
        }
    }

    /// The outputs for sums, in the low half. `FAST` for a requantization that says it is.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn outputs<const FAST: bool>(&self, sums: __m256i, channels: &Channels) -> __m128i {
        let scaled = if FAST { scale_twice_fast(sums, channels) } else { self.scale_slowly(sums, channels) };
        // The bounds are int8: what saturates is beyond them.
        let words = _mm_packs_epi32(_mm256_castsi256_si128(scaled), _mm256_extracti128_si256::<1>(scaled));
        _mm_min_epi8(_mm_max_epi8(_mm_packs_epi16(words, words), self.low), self.high)
    }

    /// Any sums, multipliers and shifts.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn scale_slowly(&self, sums: __m256i, channels: &Channels) -> __m256i {
        let scaled = match self.rounding {
            Rounding::Twice => scale_twice(sums, channels.multiplier, channels.right),
            Rounding::Once => scale_once(sums, channels.multiplier, channels.right),
        };
        _mm256_add_epi32(scaled, self.zero_point)
    }
}

/// Writes the first `count` outputs, or all of them.
///
/// # Safety
/// So many may be written to `output`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn store(output: *mut i8, outputs: __m128i, count: usize) {
    if count >= LANES {
        // SAFETY: the caller's condition.
        unsafe { _mm_storel_epi64(output.cast(), outputs) };
    } else {
        let mut bytes = [0i8; LANES];
        // SAFETY: eight bytes are written to as many; the rest is the caller's condition.
        unsafe {
            _mm_storel_epi64(bytes.as_mut_ptr().cast(), outputs);
            output.copy_from_nonoverlapping(bytes.as_ptr(), count);
        }
    }
}

/// The fast form of [`crate::fixed_point::scale_rounding_twice`] and the zero point, see [`super::constants`].
#[inline]
#[target_feature(enable = "avx2")]
fn scale_twice_fast(sums: __m256i, channels: &Channels) -> __m256i {
    let doubled = _mm256_add_epi32(sums, sums);
    let even = _mm256_add_epi64(_mm256_mul_epi32(doubled, channels.multiplier), channels.even_addend);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(doubled), channels.odd_multiplier);
    let odd = _mm256_add_epi64(odd, channels.odd_addend);
    // High halves: those of odd lanes are in place.
    let scaled = _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<32>(even), odd);
    _mm256_srav_epi32(_mm256_add_epi32(scaled, _mm256_srai_epi32::<31>(sums)), channels.right)
}

/// [`crate::fixed_point::scale_rounding_twice`]. Multipliers are not negative: no product saturates.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn scale_twice(sums: __m256i, multiplier: __m256i, right: __m256i) -> __m256i {
    let zero = _mm256_setzero_si256();
    let left = _mm256_max_epi32(_mm256_sub_epi32(zero, right), zero);
    let right = _mm256_max_epi32(right, zero);
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
fn scale_once(sums: __m256i, multiplier: __m256i, right: __m256i) -> __m256i {
    let magnitudes = _mm256_abs_epi32(sums);
    let exponents = _mm256_add_epi32(_mm256_set1_epi32(31), right);
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
