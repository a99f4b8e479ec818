//! Requantization of sums to int8, 16 at a time where there are as many.

use core::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, vaddq_s32, vandq_s32, vdupq_n_s8, vdupq_n_s32, vget_high_s32,
    vget_low_s32, vld1q_s32, vmaxq_s8, vmaxq_s32, vminq_s8, vminq_s32, vmovl_s32, vmull_high_s32, vmull_s32,
    vqaddq_s16, vqmovn_high_s16, vqmovn_high_s32, vqmovn_high_s64, vqmovn_s16, vqmovn_s32, vqmovn_s64,
    vqrdmulhq_s32, vrshlq_s32, vrshlq_s64, vshlq_s32, vsraq_n_s32, vsraq_n_s64, vsubq_s32,
};

use crate::format::ChannelBlock;
use crate::kernels::arch::OutputQuantization;

/// How scaled sums of a layer become outputs.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub zero_point: int32x4_t,
    pub low: int8x16_t,
    pub high: int8x16_t,
}

/// One of the functions of [`crate::fixed_point`] that scale a sum.
pub(super) trait Scaling {
    /// Whether a scaled sum is so small that the zero point may be added after narrowing to 16 bits.
    const IS_SMALL: bool;

    /// The scaled sums of a quad.
    fn scale(sum: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t;
}

/// Whether all shifts are to the right by at least one.
pub(super) fn all_right(channels: &[ChannelBlock]) -> bool {
    channels.iter().all(|block| block.shift.iter().all(|&shift| shift < 0))
}

/// The biases of 4 · `N` channels.
///
/// # Safety
/// `channels` points to a block for each 2 quads.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn biases<const N: usize>(channels: *const ChannelBlock) -> [int32x4_t; N] {
    // SAFETY: as the caller promises.
    unsafe { quads(&raw const (*channels).bias) }
}

/// Four numbers for each of `N` quads, from blocks that lie one after the other.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn quads<const N: usize>(values: *const [i32; 8]) -> [int32x4_t; N] {
    let mut quads = [vdupq_n_s32(0); N];
    for (index, quad) in quads.iter_mut().enumerate() {
        // SAFETY: the same field of the next block is as far away as the next block.
        *quad = unsafe {
            vld1q_s32(values.byte_add(index / 2 * size_of::<ChannelBlock>()).cast::<i32>().add(index % 2 * 4))
        };
    }
    quads
}

impl Bounds {
    /// The bounds are in int8.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn of(zero_point: i32, low: i32, high: i32) -> Bounds {
        Bounds {
            zero_point: vdupq_n_s32(zero_point),
            low: vdupq_n_s8(low as i8),
            high: vdupq_n_s8(high as i8),
        }
    }

    /// The zero point, which is in int8, for 16 bits.
    #[inline(always)]
    pub fn narrow_zero_point(&self) -> int16x8_t {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe { vqmovn_high_s32(vqmovn_s32(self.zero_point), self.zero_point) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    pub fn of_layer(quantization: &OutputQuantization) -> Bounds {
        Bounds::of(quantization.output_zero_point, quantization.low, quantization.high)
    }
}

/// Multipliers and shifts of 4 · `N` channels.
#[derive(Clone, Copy)]
pub(super) struct Scales<const N: usize> {
    pub multipliers: [int32x4_t; N],
    pub shifts: [int32x4_t; N],
}

impl<const N: usize> Scales<N> {
    /// # Safety
    /// `channels` points to a block for each 2 quads.
    #[inline]
    #[target_feature(enable = "neon")]
    pub unsafe fn of(channels: *const ChannelBlock) -> Scales<N> {
        // SAFETY: as the caller promises.
        unsafe {
            Scales {
                multipliers: quads(&raw const (*channels).multiplier),
                shifts: quads(&raw const (*channels).shift),
            }
        }
    }

    /// The same for all.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn uniform(multiplier: i32, shift: i32) -> Scales<N> {
        Scales { multipliers: [vdupq_n_s32(multiplier); N], shifts: [vdupq_n_s32(shift); N] }
    }

    /// The outputs of 4 · `N` channels (2 or 4 quads; of 2 the outputs stand there twice).
    #[inline(always)]
    pub fn outputs<S: Scaling>(&self, mut sums: [int32x4_t; N], bounds: &Bounds) -> int8x16_t {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe {
            for ((sum, &multiplier), &shift) in sums.iter_mut().zip(&self.multipliers).zip(&self.shifts) {
                *sum = S::scale(*sum, multiplier, shift);
                if !S::IS_SMALL {
                    *sum = vaddq_s32(*sum, bounds.zero_point);
                }
            }
            let [mut low, mut high] = words(&sums);
            if S::IS_SMALL {
                let zero_point = bounds.narrow_zero_point();
                (low, high) = (vqaddq_s16(low, zero_point), vqaddq_s16(high, zero_point));
            }
            // Narrowing saturates, and the bounds of the activation are in int8: clamping can wait until here.
            let bytes = vqmovn_high_s16(vqmovn_s16(low), high);
            vminq_s8(vmaxq_s8(bytes, bounds.low), bounds.high)
        }
    }
}

/// Quads side by side in 16 bits; two quads twice.
#[inline(always)]
fn words<const N: usize>(quads: &[int32x4_t; N]) -> [int16x8_t; 2] {
    // SAFETY: Advanced SIMD is a part of aarch64.
    let two = |first: int32x4_t, second: int32x4_t| unsafe { vqmovn_high_s32(vqmovn_s32(first), second) };
    match *quads.as_slice() {
        [a, b, c, d] => [two(a, b), two(c, d)],
        [a, b] => [two(a, b); 2],
        // SAFETY: zeros are a vector.
        _ => unsafe { core::mem::zeroed() },
    }
}

/// [`crate::fixed_point::scale_rounding_twice`] where all shifts are below 0.
///
/// SQRDMULH is its multiplication. SRSHL rounds ties up; one less makes it round those of negative numbers down, which is away from
/// zero. No product is i32::MIN, as multipliers are not negative, so this does not wrap.
pub(super) struct TwiceRight;

impl Scaling for TwiceRight {
    // 31 bits and a zero point do not wrap, and narrowing saturates as it does.
    const IS_SMALL: bool = true;

    #[inline(always)]
    fn scale(sum: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe {
            let product = vqrdmulhq_s32(sum, multiplier);
            vrshlq_s32(vsraq_n_s32::<31>(product, product), shift)
        }
    }
}

/// [`crate::fixed_point::scale_rounding_twice`] for all shifts.
pub(super) struct Twice;

impl Scaling for Twice {
    const IS_SMALL: bool = false;

    #[inline(always)]
    fn scale(sum: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe {
            let zero = vdupq_n_s32(0);
            let (left, right) = (vmaxq_s32(shift, zero), vminq_s32(shift, zero));
            let product = vqrdmulhq_s32(vshlq_s32(sum, left), multiplier);
            // As above, but where nothing is shifted, `right` is 0 and takes nothing away.
            vrshlq_s32(vsraq_n_s32::<31>(product, vandq_s32(product, right)), right)
        }
    }
}

/// [`crate::fixed_point::scale_rounding_once`], to the right by 31 − shift, which is at least 1.
pub(super) struct Once;

impl Scaling for Once {
    const IS_SMALL: bool = false;

    #[inline(always)]
    fn scale(sum: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t {
        // SAFETY: Advanced SIMD is a part of aarch64.
        unsafe {
            let exponent = vsubq_s32(shift, vdupq_n_s32(31));
            let low = vmull_s32(vget_low_s32(sum), vget_low_s32(multiplier));
            let high = vmull_high_s32(sum, multiplier);
            let low = vrshlq_s64(vsraq_n_s64::<63>(low, low), vmovl_s32(vget_low_s32(exponent)));
            let high = vrshlq_s64(vsraq_n_s64::<63>(high, high), vmovl_s32(vget_high_s32(exponent)));
            // Magnitudes are at most i32::MAX.
            vmaxq_s32(vqmovn_high_s64(vqmovn_s64(low), high), vdupq_n_s32(-i32::MAX))
        }
    }
}
