//! Channel blocks: what a kernel does with the sums of eight output channels.

use dunlin_runtime::format::{ChannelBlock, FloatChannelBlock, LANES};

use super::error::Refusal;
use super::multiplier::Multiplier;
use super::view::Affine;

/// Requantization of one output channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Channel {
    /// Less the input's zero point times the sum of the weights.
    pub bias: i32,
    pub weight_sum: i32,
    pub multiplier: Multiplier,
}

impl Channel {
    /// The channel with these weights, whose input has this quantization.
    pub fn new(weights: impl Iterator<Item = i8>, bias: i32, input: Affine, multiplier: Multiplier) -> Self {
        let weight_sum = weights.fold(0i32, |sum, weight| sum.wrapping_add(weight.into()));
        Self { bias: bias.wrapping_sub(input.zero_point.wrapping_mul(weight_sum)), weight_sum, multiplier }
    }
}

/// The factor from the sums of a channel to its outputs.
pub(super) fn factor(input: Affine, weight_scale: f32, output: Affine) -> Result<f64, Refusal> {
    let factor = f64::from(input.scale) * f64::from(weight_scale) / f64::from(output.scale);
    if factor.is_finite() && factor >= 0.0 {
        Ok(factor)
    } else {
        Err(Refusal::scales(format!("the scale {weight_scale} of its weights makes a factor of {factor}")))
    }
}

/// The channel blocks of a layer, where `channels` of each of `groups` begin a new block.
pub(super) fn blocks(channels: &[Channel], groups: usize) -> impl Iterator<Item = ChannelBlock> {
    lanes(channels, groups).map(|lanes| {
        let mut block = ChannelBlock::default();
        for (lane, channel) in lanes.iter().enumerate() {
            block.bias[lane] = channel.bias;
            block.weight_sum[lane] = channel.weight_sum;
            block.multiplier[lane] = channel.multiplier.multiplier;
            block.shift[lane] = channel.multiplier.shift;
        }
        block
    })
}

/// The same for a float32 layer.
pub(super) fn blocks_float32(bias: &[f32], groups: usize) -> impl Iterator<Item = FloatChannelBlock> {
    lanes(bias, groups).map(|lanes| {
        let mut block = FloatChannelBlock::default();
        block.bias[..lanes.len()].copy_from_slice(lanes);
        block
    })
}

fn lanes<T>(channels: &[T], groups: usize) -> impl Iterator<Item = &[T]> {
    channels.chunks((channels.len() / groups).max(1)).flat_map(|group| group.chunks(LANES))
}
