//! Requantization of sixteen channels with AVX-512.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_mask_storeu_epi8, _mm_max_epi8, _mm_min_epi8, _mm_set1_epi8, _mm512_add_epi32,
    _mm512_cvtsepi32_epi8, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_srai_epi64, _mm512_srli_epi64,
    _mm512_sub_epi32,
};

use super::scale_avx512::{
    scale_once, scale_once_fast, scale_twice, scale_twice_fast, scale_twice_rectified,
};
use crate::kernels::arch::{OutputQuantization, Rounding};

/// Lanes of a vector.
pub(super) const LANES: usize = 16;

/// The constants of sixteen channels, see [`super::constants`].
#[derive(Clone, Copy)]
pub(super) struct Channels {
    /// What a sum starts with.
    pub start: __m512i,
    pub multiplier: __m512i,
    pub odd_multiplier: __m512i,
    pub right: __m512i,
    pub even_addend: __m512i,
    pub odd_addend: __m512i,
}

/// How much has to be done for an operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any sums, multipliers and shifts.
    Slow,
    /// The fast requantization is exact.
    Fast,
    /// The same, and the zero point is the lowest of all int8 outputs: what is below it does not have to be rounded
    /// rightly, and packing bounds the outputs.
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

impl Channels {
    /// The constants that requantization of kind `KIND` takes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn for_kind<const KIND: u8>(self) -> Channels {
        if KIND != RECTIFIED {
            return self;
        }
        // Nothing is added between the two shifts: one less of the first is one more of the second. The addends are even.
        Channels {
            right: _mm512_sub_epi32(self.right, _mm512_set1_epi32(1)),
            even_addend: _mm512_srai_epi64::<1>(self.even_addend),
            odd_addend: _mm512_srai_epi64::<1>(self.odd_addend),
            ..self
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
            RECTIFIED => _mm512_cvtsepi32_epi8(scale_twice_rectified(sums, channels)),
            FAST => self.bound(scale_twice_fast(sums, channels)),
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
