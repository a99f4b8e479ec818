//! add and sub, 16 elements at a time.

use core::cell::Cell;

use core::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, vaddq_s32, vdup_n_s8, vdup_n_s16, vdupq_n_s8, vdupq_n_s32,
    vget_high_s16, vget_low_s8, vget_low_s16, vld1q_s8, vmlal_s16, vshll_n_s16, vshlq_n_s16, vst1q_s8,
    vsubl_high_s8, vsubl_s8, vsubq_s32,
};

use super::requantize::{Bounds, Scales, Scaling, Twice, TwiceRight};
use crate::kernels::arch::addition::{Addition, HEADROOM_BITS, Scale};
use crate::kernels::memory::Operand;

/// Elements of a vector.
const LANES: usize = 16;
/// Bits by which a difference, which has 9, is shifted before it becomes 32 bits wide. The others follow when it does.
const FIRST_BITS: i32 = 5;

/// Adds as many whole vectors as there are, from the first element on, and returns how many elements that is. The output may be one of
/// the terms.
pub(in crate::kernels::arch) fn add(
    job: &Addition,
    left: Operand<'_>,
    right: Operand<'_>,
    output: &[Cell<u8>],
) -> usize {
    // The term of the larger scale is halved. Where the other one and the sum are scaled down too, there is a short way.
    let is_half = |scale: &Scale| scale.multiplier == 1 << 30 && scale.shift == 0;
    let is_short = !job.subtract && job.output.shift < 0;
    let has_zero_points = [job.left, job.right].iter().all(|scale| i8::try_from(scale.zero_point).is_ok());
    if !has_zero_points {
        return 0;
    }
    // SAFETY: Advanced SIMD is a part of aarch64.
    unsafe {
        if is_short && is_half(&job.left) && job.right.shift < 0 {
            vectors(left, right, output, &short(job, &job.left, &job.right))
        } else if is_short && is_half(&job.right) && job.left.shift < 0 {
            vectors(right, left, output, &short(job, &job.right, &job.left))
        } else {
            vectors(left, right, output, &general(job))
        }
    }
}

/// Calls `function` with all whole vectors.
#[inline(always)]
fn vectors(
    first: Operand<'_>,
    second: Operand<'_>,
    output: &[Cell<u8>],
    function: &impl Fn(int8x16_t, int8x16_t) -> int8x16_t,
) -> usize {
    let length = output.len().min(first.len()).min(second.len()) / LANES * LANES;
    let (first, second): (*const i8, *const i8) = (first.as_ptr().cast(), second.as_ptr().cast());
    let output = output.as_ptr().cast::<i8>().cast_mut();
    for start in (0..length).step_by(LANES) {
        // SAFETY: all three have `length` bytes. Cells may be written through a shared reference, and be read by another.
        unsafe {
            let sums = function(vld1q_s8(first.add(start)), vld1q_s8(second.add(start)));
            vst1q_s8(output.add(start), sums);
        }
    }
    length
}

/// Values less their zero point, shifted by [`FIRST_BITS`].
#[inline]
#[target_feature(enable = "neon")]
fn differences(values: int8x16_t, zero_point: i32) -> [int16x8_t; 2] {
    let low = vsubl_s8(vget_low_s8(values), vdup_n_s8(zero_point as i8));
    let high = vsubl_high_s8(values, vdupq_n_s8(zero_point as i8));
    [vshlq_n_s16::<FIRST_BITS>(low), vshlq_n_s16::<FIRST_BITS>(high)]
}

/// A term at the common scale.
#[inline]
#[target_feature(enable = "neon")]
fn scaled<S: Scaling>(values: int8x16_t, scale: &Scale) -> [int32x4_t; 4] {
    const LAST_BITS: i32 = HEADROOM_BITS as i32 - FIRST_BITS;
    let [low, high] = differences(values, scale.zero_point);
    let (multiplier, shift) = (vdupq_n_s32(scale.multiplier), vdupq_n_s32(scale.shift));
    [
        S::scale(vshll_n_s16::<LAST_BITS>(vget_low_s16(low)), multiplier, shift),
        S::scale(vshll_n_s16::<LAST_BITS>(vget_high_s16(low)), multiplier, shift),
        S::scale(vshll_n_s16::<LAST_BITS>(vget_low_s16(high)), multiplier, shift),
        S::scale(vshll_n_s16::<LAST_BITS>(vget_high_s16(high)), multiplier, shift),
    ]
}

/// The sum of a term that is halved and one that is scaled down: the former is one multiplication with a power of two, which also
/// adds.
#[inline]
#[target_feature(enable = "neon")]
fn short(job: &Addition, half: &Scale, other: &Scale) -> impl Fn(int8x16_t, int8x16_t) -> int8x16_t {
    let power = vdup_n_s16(1 << (HEADROOM_BITS as i32 - 1 - FIRST_BITS));
    let (half, other) = (*half, *other);
    let output = Scales::<4>::uniform(job.output.multiplier, job.output.shift);
    let bounds = Bounds::of(job.output.zero_point, job.low, job.high);
    move |values, other_values| {
        let [low, high] = differences(values, half.zero_point);
        let [a, b, c, d] = scaled::<TwiceRight>(other_values, &other);
        let sums = [
            vmlal_s16(a, vget_low_s16(low), power),
            vmlal_s16(b, vget_high_s16(low), power),
            vmlal_s16(c, vget_low_s16(high), power),
            vmlal_s16(d, vget_high_s16(high), power),
        ];
        output.outputs::<TwiceRight>(sums, &bounds)
    }
}

/// The sum or difference of any two terms.
#[inline]
#[target_feature(enable = "neon")]
fn general(job: &Addition) -> impl Fn(int8x16_t, int8x16_t) -> int8x16_t {
    let job = *job;
    let output = Scales::<4>::uniform(job.output.multiplier, job.output.shift);
    let bounds = Bounds::of(job.output.zero_point, job.low, job.high);
    move |left, right| {
        let mut sums = scaled::<Twice>(left, &job.left);
        for (sum, right) in sums.iter_mut().zip(scaled::<Twice>(right, &job.right)) {
            *sum = if job.subtract { vsubq_s32(*sum, right) } else { vaddq_s32(*sum, right) };
        }
        output.outputs::<Twice>(sums, &bounds)
    }
}
