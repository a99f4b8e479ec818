//! When sums can be scaled by one SMMLAR. Compiled for every machine: who builds an image asks whether it needs another way.

use crate::feature::Feature;
use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::{Convolution, Depthwise, Sums};

/// Largest product of a weight and a value.
const PRODUCT: u64 = 127 * 128;

/// How far the sums of a convolution reach, those of the group that reaches farthest.
pub(super) fn conv2d(job: &Convolution<'_>) -> Sums {
    let (terms, outputs) = (job.shape.cells().wrapping_mul(4), job.shape.channels_out());
    if !Feature::Conv2dDilationGroups.is_built() {
        return classify(job.channels, outputs, terms);
    }
    let groups = job.channels.chunks(job.shape.blocks().max(1));
    groups.map(|channels| classify(channels, outputs, terms)).max().unwrap_or(Sums::Raw)
}

/// How far the sums of a depthwise convolution reach.
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>) -> Sums {
    classify(job.channels, job.shape.output[2], job.shape.taps())
}

/// How the kernels may scale sums of `terms` products of these channels.
///
/// The kernels compute (u + ⌊(2 · sum · multiplier + 2³¹) / 2³²⌋) >> s, where s = −shift and u = (2 · zero point + 1) · 2^(s − 1), less
/// one for a negative sum, which rounds half away from zero. That is `scale_rounding_twice` and the zero point for shifts of −22
/// to −1 and sums below 2³⁰: nothing overflows. (A sum may be negative where its scaled value is 0: (0 − 1 + 2^(s − 1)) >> s is 0 too.)
#[inline(never)]
fn classify(channels: &[ChannelBlock], count: usize, terms: usize) -> Sums {
    let Some(channels) = channels.get(..count.div_ceil(LANES)) else { return Sums::Raw };
    let [biases, exponents, excesses] = bits(channels, count);
    let reach = (terms as u64).saturating_mul(PRODUCT).saturating_add(u64::from(biases) + 1);
    match reach {
        _ if (exponents | excesses) > i32::MAX as u32 => Sums::Raw,
        ..0x80_0000 => Sums::Short,
        0x80_0000..0x4000_0000 => Sums::Long,
        _ => Sums::Raw,
    }
}

/// All bits that occur in the magnitude of a bias (or its complement), in −1 − shift (negative where a shift is not) and in 22 + shift
/// (negative where a shift is below −22), of the first `count` channels. Of an odd number of channels, the bias of the one behind the
/// last counts too.
#[cfg(not(dunlin_dsp))]
pub(super) fn bits(channels: &[ChannelBlock], count: usize) -> [u32; 3] {
    let (biases, shifts) =
        (channels.iter().flat_map(|block| block.bias), channels.iter().flat_map(|block| block.shift));
    let magnitude = |bias: i32| (bias ^ (bias >> 31)) as u32;
    [
        biases.take(count.next_multiple_of(2)).fold(0, |bits, bias| bits | magnitude(bias)),
        shifts.clone().take(count).fold(0, |bits, shift| bits | !shift as u32),
        shifts.take(count).fold(0, |bits, shift| bits | shift.wrapping_add(22) as u32),
    ]
}

/// As the one of other machines.
#[cfg(dunlin_dsp)]
#[inline(always)]
pub(super) fn bits(channels: &[ChannelBlock], count: usize) -> [u32; 3] {
    let mut found = [0; 3];
    if count != 0 {
        // SAFETY: `count` channels are there.
        unsafe { look(channels.as_ptr(), count, &mut found) };
    }
    found
}

/// Writes what [`bits`] returns.
///
/// # Safety
///
/// There must be as many channels, and at least one.
#[cfg(dunlin_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn look(channels: *const ChannelBlock, count: usize, found: &mut [u32; 3]) {
    core::arch::naked_asm!(
        "push {{r4-r9, lr}}",
        "movs r3, #0",
        "movs r4, #0",
        "mov.w r12, #0",
        "2:",
        "movs r5, #4",
        "3:",
        "ldrd r8, r9, [r0, #96]",
        "ldrd r6, r7, [r0], #8",
        "subs r1, #2",
        "eor.w r6, r6, r6, asr #31",
        "eor.w r7, r7, r7, asr #31",
        "orn r4, r4, r8",
        "add.w r8, r8, #22",
        "orr.w r3, r3, r6",
        "orr.w r12, r12, r8",
        "ittt pl",
        "ornpl r4, r4, r9",
        "addpl.w r9, r9, #22",
        "orrpl.w r12, r12, r9",
        "orr.w r3, r3, r7",
        "ble 4f",
        "subs r5, #1",
        "bne 3b",
        "adds r0, #96",
        "b 2b",
        "4:",
        "strd r3, r4, [r2]",
        "str.w r12, [r2, #8]",
        "pop {{r4-r9, pc}}",
    )
}
