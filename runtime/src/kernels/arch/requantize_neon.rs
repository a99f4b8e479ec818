//! Requantization of eight channels with Advanced SIMD, for all families of aarch64.

use core::arch::aarch64::{
    int32x4_t, vabsq_s32, vaddq_s32, vandq_s32, vbslq_s32, vcgeq_s32, vcombine_s16, vcombine_u32,
    vdupq_n_s32, vdupq_n_u32, vget_high_s32, vget_high_u32, vget_low_s32, vget_low_u32, vld1q_s32, vmaxq_s32,
    vminq_s32, vminq_u32, vmlsq_s32, vmovl_s32, vmovn_s16, vmovn_s32, vmull_u32, vnegq_s32, vqaddq_s32,
    vqmovn_u64, vqrdmulhq_s32, vreinterpretq_s32_u32, vreinterpretq_u32_s32, vrshlq_s32, vrshlq_u64,
    vshlq_s32, vshrq_n_s32, vst1_s8, vsubq_s32,
};

use super::{OutputQuantization, Rounding};
use crate::format::{ChannelBlock, LANES};

/// The outputs for the sums of a block, in two halves.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn requantize(
    quantization: &OutputQuantization,
    channels: &ChannelBlock,
    sums: [int32x4_t; 2],
) -> [i8; LANES] {
    let (bias, weight_sum) = (load(&channels.bias), load(&channels.weight_sum));
    let (multiplier, shift) = (load(&channels.multiplier), load(&channels.shift));
    let input_zero_point = vdupq_n_s32(quantization.input_zero_point);
    let mut words = [vmovn_s32(vdupq_n_s32(0)); 2];
    for (half, word) in words.iter_mut().enumerate() {
        let folded = vmlsq_s32(bias[half], weight_sum[half], input_zero_point);
        let sum = vaddq_s32(sums[half], folded);
        let scaled = match quantization.rounding {
            Rounding::Twice => scale_rounding_twice(sum, multiplier[half], shift[half]),
            Rounding::Once => scale_rounding_once(sum, multiplier[half], shift[half]),
        };
        let raised = vaddq_s32(scaled, vdupq_n_s32(quantization.output_zero_point));
        let bounded = vmaxq_s32(raised, vdupq_n_s32(quantization.low));
        *word = vmovn_s32(vminq_s32(bounded, vdupq_n_s32(quantization.high)));
    }
    let mut outputs = [0; LANES];
    // SAFETY: the array has 8 writable bytes, and the store needs no alignment.
    unsafe { vst1_s8(outputs.as_mut_ptr(), vmovn_s16(vcombine_s16(words[0], words[1]))) };
    outputs
}

#[inline]
#[target_feature(enable = "neon")]
fn load(values: &[i32; LANES]) -> [int32x4_t; 2] {
    let (first, second) = values.split_at(LANES / 2);
    // SAFETY: both halves are 16 readable bytes at an address for i32.
    unsafe { [vld1q_s32(first.as_ptr()), vld1q_s32(second.as_ptr())] }
}

/// [`crate::fixed_point::scale_rounding_twice`]: SQRDMULH is its multiplication.
#[inline]
#[target_feature(enable = "neon")]
fn scale_rounding_twice(sums: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t {
    let zero = vdupq_n_s32(0);
    let (left, right) = (vmaxq_s32(shift, zero), vminq_s32(shift, zero));
    let products = vqrdmulhq_s32(vshlq_s32(sums, left), multiplier);
    // SRSHL rounds ties up; one less makes it round those of negative numbers down, which is away from zero. Where nothing is
    // shifted, `right` is 0 and takes nothing away. i32::MIN, which cannot become less, is no tie.
    let fixup = vshrq_n_s32::<31>(vandq_s32(products, right));
    vrshlq_s32(vqaddq_s32(products, fixup), right)
}

/// [`crate::fixed_point::scale_rounding_once`].
#[inline]
#[target_feature(enable = "neon")]
fn scale_rounding_once(sums: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t {
    let magnitudes = vreinterpretq_u32_s32(vabsq_s32(sums));
    let multiplier = vreinterpretq_u32_s32(multiplier);
    let low = vmull_u32(vget_low_u32(magnitudes), vget_low_u32(multiplier));
    let high = vmull_u32(vget_high_u32(magnitudes), vget_high_u32(multiplier));
    // To the right by 31 − shift; magnitudes are rounded up at ties, which is away from zero.
    let exponents = vsubq_s32(shift, vdupq_n_s32(31));
    let low = vrshlq_u64(low, vmovl_s32(vget_low_s32(exponents)));
    let high = vrshlq_u64(high, vmovl_s32(vget_high_s32(exponents)));
    let largest = vdupq_n_u32(i32::MAX as u32);
    let scaled = vminq_u32(vcombine_u32(vqmovn_u64(low), vqmovn_u64(high)), largest);
    let scaled = vreinterpretq_s32_u32(scaled);
    vbslq_s32(vcgeq_s32(sums, vdupq_n_s32(0)), scaled, vnegq_s32(scaled))
}
