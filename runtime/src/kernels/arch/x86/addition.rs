//! add and sub, 16 elements at a time, with AVX2.
//!
//! The term of the larger scale is halved: its difference from the zero point is shifted. The other one is d · 2²⁰ ·
//! m / 2³¹, rounded and shifted to the right by e. With m = 2¹¹ · h + l that is
//! `⌊(d·h + ⌊(d·l + 2¹⁰ + 2^(e−1) · 2¹¹) / 2¹¹⌋ − [d < 0]) / 2^e⌋`, all in 32 bits.

use core::cell::Cell;

use core::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_max_epi8, _mm_min_epi8, _mm_packs_epi16, _mm_set1_epi8,
    _mm_storeu_si128, _mm_unpackhi_epi64, _mm256_add_epi32, _mm256_add_epi64, _mm256_blend_epi32,
    _mm256_castsi256_si128, _mm256_cmpgt_epi32, _mm256_cvtepi8_epi32, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_mul_epi32, _mm256_mullo_epi32, _mm256_packs_epi32, _mm256_permute4x64_epi64,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_slli_epi32, _mm256_srai_epi32, _mm256_srav_epi32,
    _mm256_srli_epi64, _mm256_sub_epi32,
};

use super::constants::addend;
use crate::kernels::arch::Rounding;
use crate::kernels::arch::addition::{Addition, HEADROOM_BITS, Scale};
use crate::kernels::memory::Operand;

/// Elements of a step.
const LANES: usize = 16;
/// Bits of a multiplier's lower part.
const LOWER_BITS: u32 = 31 - HEADROOM_BITS;
/// Largest shift to the right for which nothing overflows: the rounding of the last shift is shifted by [`LOWER_BITS`].
const LARGEST_SHIFT: i32 = 18;

/// Adds as many groups of [`LANES`] elements as there are, from the first element on, and returns how many elements
/// that is: none if the scales are unusual. The output may be one of the terms.
pub(in super::super) fn add(
    job: &Addition,
    left: Operand<'_>,
    right: Operand<'_>,
    output: &[Cell<u8>],
) -> usize {
    let is_half = |scale: &Scale| scale.multiplier == 1 << 30 && scale.shift == 0;
    let is_lower = |scale: &Scale| (-LARGEST_SHIFT..0).contains(&scale.shift);
    let (half, other, values, other_values) = if is_half(&job.left) && is_lower(&job.right) {
        (&job.left, &job.right, left, right)
    } else if is_half(&job.right) && is_lower(&job.left) {
        (&job.right, &job.left, right, left)
    } else {
        return 0;
    };
    let in_int8 = |scale: &Scale| i8::try_from(scale.zero_point).is_ok();
    // Both terms are below 2²⁷ + 1.
    let addend =
        addend(1 << 29, job.output.multiplier, -job.output.shift, job.output.zero_point, Rounding::Twice);
    let Some(addend) = addend.filter(|_| !job.subtract && in_int8(half) && in_int8(other)) else { return 0 };
    let is_rectified = (job.output.zero_point, job.low, job.high) == (-128, -128, 127);
    // SAFETY: the families that call this have AVX2.
    unsafe {
        if is_rectified {
            vectors::<true>(job, half, other, addend, values, other_values, output)
        } else {
            vectors::<false>(job, half, other, addend, values, other_values, output)
        }
    }
}

/// What is the same for all elements.
#[derive(Clone, Copy)]
struct Constants {
    /// What the halved term has too much, as its zero point is not taken away: a sum is negative if it is below.
    excess: __m256i,
    other_zero_point: __m256i,
    higher: __m256i,
    lower: __m256i,
    rounding: __m256i,
    right: __m256i,
    multiplier: __m256i,
    addend: __m256i,
    output_right: __m256i,
}

#[target_feature(enable = "avx2")]
fn vectors<const RECTIFIED: bool>(
    job: &Addition,
    half: &Scale,
    other: &Scale,
    addend: i64,
    values: Operand<'_>,
    other_values: Operand<'_>,
    output: &[Cell<u8>],
) -> usize {
    let right = -other.shift;
    let excess = half.zero_point << (HEADROOM_BITS - 1);
    // It is taken away from the scaled sum.
    let addend = addend - 2 * i64::from(excess) * i64::from(job.output.multiplier);
    let constants = Constants {
        excess: _mm256_set1_epi32(excess),
        other_zero_point: _mm256_set1_epi32(other.zero_point),
        higher: _mm256_set1_epi32(other.multiplier >> LOWER_BITS),
        lower: _mm256_set1_epi32(other.multiplier & ((1 << LOWER_BITS) - 1)),
        rounding: _mm256_set1_epi32((1 << (LOWER_BITS - 1)) + (1 << (right - 1 + LOWER_BITS as i32))),
        right: _mm256_set1_epi32(right),
        multiplier: _mm256_set1_epi32(job.output.multiplier),
        addend: _mm256_set1_epi64x(addend),
        output_right: _mm256_set1_epi32(-job.output.shift),
    };
    let (low, high) = (_mm_set1_epi8(job.low as i8), _mm_set1_epi8(job.high as i8));
    let length = output.len().min(values.len()).min(other_values.len()) / LANES * LANES;
    let (values, other_values, output) = (values.as_ptr(), other_values.as_ptr(), output.as_ptr().cast_mut());
    for start in (0..length).step_by(LANES) {
        // SAFETY: both have `length` bytes.
        let (values, others) = unsafe {
            (_mm_loadu_si128(values.add(start).cast()), _mm_loadu_si128(other_values.add(start).cast()))
        };
        let first = eight::<RECTIFIED>(&constants, values, others);
        let second = eight::<RECTIFIED>(
            &constants,
            _mm_unpackhi_epi64(values, values),
            _mm_unpackhi_epi64(others, others),
        );
        // Packing works on halves of a vector.
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(first, second));
        let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        let bytes = if RECTIFIED { bytes } else { _mm_min_epi8(_mm_max_epi8(bytes, low), high) };
        // SAFETY: the output has `length` bytes, too. Cells may be written through a shared reference.
        unsafe { _mm_storeu_si128(output.add(start).cast(), bytes) };
    }
    length
}

/// Eight sums at the scale of the output, with its zero point. `RECTIFIED` as in [`super::requantize_avx512::Kind`].
#[inline]
#[target_feature(enable = "avx2")]
fn eight<const RECTIFIED: bool>(constants: &Constants, values: __m128i, other_values: __m128i) -> __m256i {
    let half = _mm256_slli_epi32::<{ HEADROOM_BITS as i32 - 1 }>(_mm256_cvtepi8_epi32(values));
    let difference = _mm256_sub_epi32(_mm256_cvtepi8_epi32(other_values), constants.other_zero_point);
    // The lower part and the difference fit 16 bits, and the upper half of the lower part is zero.
    let lower = _mm256_add_epi32(_mm256_madd_epi16(difference, constants.lower), constants.rounding);
    let higher = _mm256_mullo_epi32(difference, constants.higher);
    let other = _mm256_add_epi32(higher, _mm256_srai_epi32::<{ LOWER_BITS as i32 }>(lower));
    let other = _mm256_add_epi32(other, _mm256_srai_epi32::<31>(difference));
    let sum = _mm256_add_epi32(half, _mm256_srav_epi32(other, constants.right));
    // As in [`super::constants`].
    let doubled = _mm256_add_epi32(sum, sum);
    let even = _mm256_add_epi64(_mm256_mul_epi32(doubled, constants.multiplier), constants.addend);
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(doubled), constants.multiplier);
    let odd = _mm256_add_epi64(odd, constants.addend);
    let scaled = _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<32>(even), odd);
    let scaled =
        if RECTIFIED { scaled } else { _mm256_add_epi32(scaled, _mm256_cmpgt_epi32(constants.excess, sum)) };
    _mm256_srav_epi32(scaled, constants.output_right)
}
