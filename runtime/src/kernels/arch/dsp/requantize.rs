//! When sums can be scaled by one SMMLAR, and the way for those that cannot.

use super::gemm::Sums;
use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::OutputQuantization;

/// Largest product of a weight and a value.
const PRODUCT: u64 = 127 * 128;

/// How the kernels may scale sums of `terms` products of these channels.
///
/// The kernels compute (u + ⌊(2 · sum · multiplier + 2³¹) / 2³²⌋) >> s, where s = −shift and u = (2 · zero point + 1) · 2^(s − 1), less
/// one for a negative sum, which rounds half away from zero. That is `scale_rounding_twice` and the zero point for shifts of −22
/// to −1 and sums below 2³⁰: nothing overflows. (A sum may be negative where its scaled value is 0: (0 − 1 + 2^(s − 1)) >> s is 0 too.)
pub(super) fn classify(channels: &[ChannelBlock], count: usize, terms: usize) -> Sums {
    let (blocks, lanes) = (count / LANES, count % LANES);
    // All bits that occur in the magnitude of a bias; the sign if all shifts have it.
    let (mut biases, mut shifts, mut least) = (0i32, -1i32, -1i32);
    for (index, block) in channels.iter().take(count.div_ceil(LANES)).enumerate() {
        let lanes = if index < blocks { LANES } else { lanes };
        for (&bias, &shift) in block.bias.iter().zip(&block.shift).take(lanes) {
            biases |= bias ^ (bias >> 31);
            shifts &= shift;
            least = least.min(shift);
        }
    }
    let reach = (terms as u64).saturating_mul(PRODUCT).saturating_add(biases as u64 + 1);
    match reach {
        _ if least < -22 || shifts >= 0 => Sums::Raw,
        0..0x80_0000 => Sums::Short,
        0..0x4000_0000 => Sums::Long,
        _ => Sums::Raw,
    }
}

/// Channels without bias, for raw sums.
pub(super) static NO_BIAS: ChannelBlock =
    ChannelBlock { bias: [0; LANES], weight_sum: [0; LANES], multiplier: [0; LANES], shift: [0; LANES] };

/// Raises outputs to the lowest and lowers them to the highest value of the activation.
pub(super) fn clamp(quantization: &OutputQuantization, outputs: &mut [i8]) {
    let (low, high) = (quantization.low, quantization.high);
    if low <= -128 && high >= 127 {
        return;
    }
    for output in outputs {
        *output = i32::from(*output).max(low).min(high) as i8;
    }
}

/// Whether all shifts of the first `count` channels go to the right.
pub(super) fn is_right_shift(channels: &[ChannelBlock], count: usize) -> bool {
    let shifts = channels.iter().flat_map(|block| &block.shift).take(count);
    shifts.fold(-1, |all, shift| all & shift) < 0
}
