//! Packing 2 of weights, from its description in `docs/format.md`, one element at a time.

use dunlin_runtime::format::{ChannelBlock, FloatChannelBlock, LANES};

/// Extents of a filter.
#[derive(Debug, Clone, Copy)]
pub struct Extents {
    /// Groups.
    pub groups: usize,
    /// Output channels of a group.
    pub channels_out: usize,
    /// Kernel rows.
    pub kernel_h: usize,
    /// Kernel columns.
    pub kernel_w: usize,
    /// Input channels of a group.
    pub channels_in: usize,
}

impl Extents {
    /// Values of one kernel row.
    fn row(&self) -> usize {
        self.kernel_w * self.channels_in
    }

    fn blocks(&self) -> usize {
        self.channels_out.div_ceil(LANES)
    }
}

/// int8 weights of convolution and fully connected layers, in halfwords.
pub fn cells(extents: Extents, weights: &[i8]) -> Vec<i16> {
    let row_cells = extents.row().div_ceil(4);
    let block_length = extents.kernel_h * row_cells * 16;
    let mut packed = vec![0i16; extents.groups * extents.blocks() * block_length];
    for output in 0..extents.groups * extents.channels_out {
        let (group, channel) = (output / extents.channels_out, output % extents.channels_out);
        let block = group * extents.blocks() + channel / LANES;
        for ky in 0..extents.kernel_h {
            for k in 0..extents.row() {
                let cell = ky * row_cells + k / 4;
                let pair = channel % LANES / 2;
                let halfword = pair / 2 * 8 + k % 2 * 4 + pair % 2 * 2 + k % 4 / 2;
                let weight = i16::from(weights[(output * extents.kernel_h + ky) * extents.row() + k]);
                packed[block * block_length + cell * 16 + halfword] +=
                    if channel % 2 == 0 { weight } else { 256 * weight };
            }
        }
    }
    packed
}

/// float32 weights of convolution and fully connected layers.
pub fn rows(extents: Extents, weights: &[f32]) -> Vec<f32> {
    let length = extents.kernel_h * extents.row();
    let mut packed = vec![0.0; extents.groups * extents.blocks() * length * LANES];
    for output in 0..extents.groups * extents.channels_out {
        let (group, channel) = (output / extents.channels_out, output % extents.channels_out);
        let block = group * extents.blocks() + channel / LANES;
        for k in 0..length {
            packed[(block * length + k) * LANES + channel % LANES] = weights[output * length + k];
        }
    }
    packed
}

/// Weights of a depthwise convolution, of either type: `weights[channel · taps + tap]`.
pub fn lines<T: Copy + Default>(channels: usize, taps: usize, weights: &[T]) -> Vec<T> {
    let mut packed = vec![T::default(); channels.div_ceil(LANES) * taps * LANES];
    for channel in 0..channels {
        for tap in 0..taps {
            packed[(channel / LANES * taps + tap) * LANES + channel % LANES] = weights[channel * taps + tap];
        }
    }
    packed
}

/// Channel blocks of int8 layers; each channel has an equal share of `weights`.
pub fn channel_blocks(
    extents: Extents,
    weights: &[i8],
    bias: &[i32],
    input_zero_point: i32,
    multiplier: &[i32],
    shift: &[i32],
) -> Vec<ChannelBlock> {
    let mut blocks = vec![ChannelBlock::default(); extents.groups * extents.blocks()];
    let per_channel = extents.kernel_h * extents.row();
    for output in 0..extents.groups * extents.channels_out {
        let (group, channel) = (output / extents.channels_out, output % extents.channels_out);
        let block = &mut blocks[group * extents.blocks() + channel / LANES];
        let lane = channel % LANES;
        block.weight_sum[lane] =
            weights[output * per_channel..][..per_channel].iter().map(|&w| i32::from(w)).sum();
        let correction = input_zero_point.wrapping_mul(block.weight_sum[lane]);
        block.bias[lane] = bias[output].wrapping_sub(correction);
        block.multiplier[lane] = multiplier[output];
        block.shift[lane] = shift[output];
    }
    blocks
}

/// Channel blocks of float32 layers.
pub fn float_channel_blocks(extents: Extents, bias: &[f32]) -> Vec<FloatChannelBlock> {
    let mut blocks = vec![FloatChannelBlock::default(); extents.groups * extents.blocks()];
    for (output, &bias) in bias.iter().enumerate() {
        let (group, channel) = (output / extents.channels_out, output % extents.channels_out);
        blocks[group * extents.blocks() + channel / LANES].bias[channel % LANES] = bias;
    }
    blocks
}
