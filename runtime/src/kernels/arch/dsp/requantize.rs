//! The way for sums that cannot be scaled by one SMMLAR, and activations.

use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::OutputQuantization;

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
