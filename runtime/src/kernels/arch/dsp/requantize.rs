//! When sums can be scaled by one SMMLAR, and the way for those that cannot.

use core::arch::naked_asm;

use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::{OutputQuantization, Sums};

/// Largest product of a weight and a value.
const PRODUCT: u64 = 127 * 128;

/// How the kernels may scale sums of `terms` products of these channels.
///
/// The kernels compute (u + ⌊(2 · sum · multiplier + 2³¹) / 2³²⌋) >> s, where s = −shift and u = (2 · zero point + 1) · 2^(s − 1), less
/// one for a negative sum, which rounds half away from zero. That is `scale_rounding_twice` and the zero point for shifts of −22
/// to −1 and sums below 2³⁰: nothing overflows. (A sum may be negative where its scaled value is 0: (0 − 1 + 2^(s − 1)) >> s is 0 too.)
#[inline(never)]
pub(super) fn classify(channels: &[ChannelBlock], count: usize, terms: usize) -> Sums {
    let Some(channels) = channels.get(..count.div_ceil(LANES)) else { return Sums::Raw };
    let mut found = [0; 2];
    if count != 0 {
        // SAFETY: `count` channels are there.
        unsafe { look(channels.as_ptr(), count, &mut found) };
    }
    let [biases, exponents] = found;
    let reach = (terms as u64).saturating_mul(PRODUCT).saturating_add(u64::from(biases) + 1);
    match reach {
        _ if exponents > 15 && !are_small(channels, count) => Sums::Raw,
        0..0x80_0000 => Sums::Short,
        0..0x4000_0000 => Sums::Long,
        _ => Sums::Raw,
    }
}

/// Whether all shifts are in the range of [`classify`]: few layers have channels that are scaled by less than 2⁻¹⁶.
#[cold]
#[inline(never)]
fn are_small(channels: &[ChannelBlock], count: usize) -> bool {
    let (mut left, mut is_small) = (count, true);
    for block in channels {
        let mut shifts = &block.shift[..];
        // One by one: this is rare, and small code is better than fast code.
        while let [shift, behind @ ..] = shifts
            && left > 0
        {
            is_small &= (-22..0).contains(&core::hint::black_box(*shift));
            (left, shifts) = (left - 1, behind);
        }
    }
    is_small
}

/// Writes all bits that occur in the magnitude of a bias, or its complement, and in any −1 − shift. Of an odd number of channels, the
/// bias of the one behind the last counts too.
///
/// # Safety
///
/// There must be as many channels, and at least one.
#[unsafe(naked)]
unsafe extern "C" fn look(channels: *const ChannelBlock, count: usize, found: &mut [u32; 2]) {
    naked_asm!(
        "push {{r4-r9, lr}}",
        "movs r3, #0",
        "movs r4, #0",
        "2:",
        "movs r5, #4",
        "3:",
        "ldrd r8, r9, [r0, #96]",
        "ldrd r6, r7, [r0], #8",
        "subs r1, #2",
        "eor.w r6, r6, r6, asr #31",
        "eor.w r7, r7, r7, asr #31",
        "orn r4, r4, r8",
        "orr.w r3, r3, r6",
        "it pl",
        "ornpl r4, r4, r9",
        "orr.w r3, r3, r7",
        "ble 4f",
        "subs r5, #1",
        "bne 3b",
        "adds r0, #96",
        "b 2b",
        "4:",
        "strd r3, r4, [r2]",
        "pop {{r4-r9, pc}}",
    )
}

/// Channels without bias, for raw sums.
pub(super) static NO_BIAS: ChannelBlock =
    ChannelBlock { bias: [0; LANES], weight_sum: [0; LANES], multiplier: [0; LANES], shift: [0; LANES] };

/// Raises outputs to the lowest and lowers them to the highest value of the activation.
#[inline(never)]
pub(super) fn clamp(quantization: &OutputQuantization, outputs: &mut [i8]) {
    let (low, high) = (quantization.low, quantization.high);
    if low <= -128 && high >= 127 {
        return;
    }
    for output in outputs {
        *output = i32::from(*output).max(low).min(high) as i8;
    }
}

/// The output for a sum of products, whatever the channel's bias, multiplier and shift.
#[inline(never)]
pub(super) fn requantize(
    quantization: &OutputQuantization,
    sum: i32,
    channels: &ChannelBlock,
    lane: usize,
) -> i8 {
    quantization.requantize(sum, channels, lane)
}
