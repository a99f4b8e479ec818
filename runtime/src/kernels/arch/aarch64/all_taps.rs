//! The sums of a depthwise convolution with any number of taps.
//!
//! As no weight is −128, two products of a channel fit 16 bits: SMULL, SMLAL, and one widening addition for both.

use core::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, vaddw_high_s16, vaddw_s16, vget_low_s8, vget_low_s16, vld1q_s8,
    vmlal_high_s8, vmlal_s8, vmull_high_s8, vmull_s8,
};

/// The sums of 16 channels.
pub(super) type Sums = [int32x4_t; 4];

/// Adds the products of any number of taps.
///
/// # Safety
/// 16 values from each of `offsets` on can be read.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn all_taps(lines: &[[i8; 16]], pixel: *const i8, offsets: &[u32], mut sums: Sums) -> Sums {
    // SAFETY: as the caller promises.
    let value = |offset: u32| unsafe { vld1q_s8(pixel.add(offset as usize)) };
    // SAFETY: a line is 16 readable bytes.
    let weights = |line: &[i8; 16]| unsafe { vld1q_s8(line.as_ptr()) };
    let ((lines, last), (offsets, last_offset)) = (lines.as_chunks::<2>(), offsets.as_chunks::<2>());
    for ([first, second], offsets) in lines.iter().zip(offsets) {
        sums = two_taps([weights(first), weights(second)], offsets.map(value), sums);
    }
    if let ([line], [offset]) = (last, last_offset) {
        sums = one_tap(weights(line), value(*offset), sums);
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn two_taps(weights: [int8x16_t; 2], values: [int8x16_t; 2], sums: Sums) -> Sums {
    let [first, second] = weights;
    let [value, second_value] = values;
    let low = vmull_s8(vget_low_s8(first), vget_low_s8(value));
    let high = vmull_high_s8(first, value);
    widen(
        vmlal_s8(low, vget_low_s8(second), vget_low_s8(second_value)),
        vmlal_high_s8(high, second, second_value),
        sums,
    )
}

#[inline]
#[target_feature(enable = "neon")]
fn one_tap(weights: int8x16_t, values: int8x16_t, sums: Sums) -> Sums {
    widen(vmull_s8(vget_low_s8(weights), vget_low_s8(values)), vmull_high_s8(weights, values), sums)
}

#[inline]
#[target_feature(enable = "neon")]
fn widen(low: int16x8_t, high: int16x8_t, [a, b, c, d]: Sums) -> Sums {
    [
        vaddw_s16(a, vget_low_s16(low)),
        vaddw_high_s16(b, low),
        vaddw_s16(c, vget_low_s16(high)),
        vaddw_high_s16(d, high),
    ]
}
