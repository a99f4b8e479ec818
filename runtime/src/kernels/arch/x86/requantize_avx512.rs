//! Requantization of sixteen channels with AVX-512.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_mask_storeu_epi8, _mm_max_epi8, _mm_min_epi8, _mm_set1_epi8, _mm512_abs_epi32,
    _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpgt_epi32_mask, _mm512_cmplt_epi32_mask,
    _mm512_cvtsepi32_epi8, _mm512_loadu_si512, _mm512_mask_blend_epi32, _mm512_mask_shuffle_epi32,
    _mm512_mask_sub_epi32, _mm512_max_epi32, _mm512_min_epu64, _mm512_mul_epi32, _mm512_mul_epu32,
    _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sllv_epi32,
    _mm512_sllv_epi64, _mm512_srai_epi32, _mm512_srai_epi64, _mm512_srav_epi32, _mm512_srav_epi64,
    _mm512_srli_epi32, _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_sub_epi32,
};

use super::super::{OutputQuantization, Rounding};

/// Lanes of a vector.
pub(super) const LANES: usize = 16;

/// The constants of sixteen channels, see [`super::constants`].
#[derive(Clone, Copy)]
pub(super) struct Channels {
    /// What a sum starts with.
    pub start: __m512i,
    multiplier: __m512i,
    odd_multiplier: __m512i,
    right: __m512i,
    even_addend: __m512i,
    odd_addend: __m512i,
}

/// How much has to be done for an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any sums, multipliers and shifts.
    Slow,
    /// The fast requantization is exact.
    Fast,
    /// The same, and the zero point is the lowest of all int8 outputs: what is below it does not have to be rounded rightly, and packing bounds
    /// the outputs.
    Rectified,
}

/// [`Kind::Slow`], for functions that are compiled for a kind.
pub(super) const SLOW: u8 = Kind::Slow as u8;
/// [`Kind::Fast`].
pub(super) const FAST: u8 = Kind::Fast as u8;
/// [`Kind::Rectified`].
pub(super) const RECTIFIED: u8 = Kind::Rectified as u8;

/// What all channels of an operator have in common.
#[derive(Clone, Copy)]
pub(super) struct Requantization {
    pub kind: Kind,
    rounding: Rounding,
    zero_point: __m512i,
    low: __m128i,
    high: __m128i,
}

/// One of sixteen vectors of constants: 80 words in all.
///
/// # Safety
/// There are [`super::layout::CONSTANTS`] vectors behind `words`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn constant(words: *const i32, index: usize) -> __m512i {
    // SAFETY: the caller's condition; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.add(index * LANES).cast()) }
}

/// What the sums of sixteen channels start with.
///
/// # Safety
/// There are [`super::layout::CONSTANTS`] vectors behind `words`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn start(words: *const i32) -> __m512i {
    // SAFETY: the caller's condition.
    unsafe { constant(words, 0) }
}

impl Channels {
    /// Loads constants.
    ///
    /// # Safety
    /// There are [`super::layout::CONSTANTS`] vectors behind `words`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub unsafe fn load(words: *const i32) -> Channels {
        // SAFETY: the caller's condition.
        let of = |index| unsafe { constant(words, index) };
        let multiplier = of(1);
        Channels {
            start: of(0),
            multiplier,
            odd_multiplier: _mm512_srli_epi64::<32>(multiplier),
            right: of(2),
            even_addend: of(3),
            odd_addend: of(4),
        }
    }
}

impl Requantization {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn of(quantization: &OutputQuantization, is_fast: bool) -> Requantization {
        let is_rectified =
            (quantization.output_zero_point, quantization.low, quantization.high) == (-128, -128, 127);
        Requantization {
            kind: match (is_fast, is_rectified) {
                (false, _) => Kind::Slow,
                (true, false) => Kind::Fast,
                (true, true) => Kind::Rectified,
            },
            rounding: quantization.rounding,
            zero_point: _mm512_set1_epi32(quantization.output_zero_point),
            low: _mm_set1_epi8(quantization.low as i8),
            high: _mm_set1_epi8(quantization.high as i8),
        }
    }

    /// The outputs for sums of a convolution of kind `KIND`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn of_convolution<const KIND: u8>(&self, sums: __m512i, channels: &Channels) -> __m128i {
        match KIND {
            RECTIFIED => _mm512_cvtsepi32_epi8(scale_twice_fast::<false>(sums, channels)),
            FAST => self.bound(scale_twice_fast::<true>(sums, channels)),
            _ => self.bound(scale_slowly(sums, channels, self)),
        }
    }

    /// The outputs for sums of a fully connected layer.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn of_dense(&self, sums: __m512i, channels: &Channels) -> __m128i {
        self.bound(match self.kind {
            Kind::Slow => scale_slowly(sums, channels, self),
            _ => scale_once_fast(sums, channels),
        })
    }

    /// Bytes within the bounds of the activation. They are int8: what saturates is beyond them.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn bound(&self, scaled: __m512i) -> __m128i {
        _mm_min_epi8(_mm_max_epi8(_mm512_cvtsepi32_epi8(scaled), self.low), self.high)
    }
}

/// Writes the first `count` outputs, or all of them.
///
/// # Safety
/// So many may be written to `output`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn store(output: *mut i8, outputs: __m128i, count: usize) {
    if count >= LANES {
        // SAFETY: the caller's condition.
        unsafe { output.cast::<__m128i>().write_unaligned(outputs) };
    } else {
        // SAFETY: the caller's condition; the mask has `count` bits.
        unsafe { _mm_mask_storeu_epi8(output, ((1u32 << count) - 1) as u16, outputs) };
    }
}

/// The fast form of [`crate::fixed_point::scale_rounding_twice`] and the zero point, see [`super::constants`]; rounded half up unless `SIGNED`,
/// which makes no difference to positive sums.
#[inline]
#[target_feature(enable = "avx512f")]
fn scale_twice_fast<const SIGNED: bool>(sums: __m512i, channels: &Channels) -> __m512i {
    let doubled = _mm512_add_epi32(sums, sums);
    let even = _mm512_add_epi64(_mm512_mul_epi32(doubled, channels.multiplier), channels.even_addend);
    let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(doubled), channels.odd_multiplier);
    let odd = _mm512_add_epi64(odd, channels.odd_addend);
    // High halves: those of odd lanes are in place.
    let scaled = _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even);
    let scaled = if SIGNED { _mm512_add_epi32(scaled, _mm512_srai_epi32::<31>(sums)) } else { scaled };
    _mm512_srav_epi32(scaled, channels.right)
}

/// The fast form of [`crate::fixed_point::scale_rounding_once`] and the zero point, see [`super::constants`].
#[inline]
#[target_feature(enable = "avx512f")]
fn scale_once_fast(sums: __m512i, channels: &Channels) -> __m512i {
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

/// Any sums, multipliers and shifts.
#[inline(never)]
#[target_feature(enable = "avx512f")]
fn scale_slowly(sums: __m512i, channels: &Channels, requantization: &Requantization) -> __m512i {
    let scaled = match requantization.rounding {
        Rounding::Twice => scale_twice(sums, channels.multiplier, channels.right),
        Rounding::Once => scale_once(sums, channels.multiplier, channels.right),
    };
    _mm512_add_epi32(scaled, requantization.zero_point)
}

/// [`crate::fixed_point::scale_rounding_twice`]. Multipliers are not negative: no product saturates.
#[inline]
#[target_feature(enable = "avx512f")]
fn scale_twice(sums: __m512i, multiplier: __m512i, right: __m512i) -> __m512i {
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
fn scale_once(sums: __m512i, multiplier: __m512i, right: __m512i) -> __m512i {
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
