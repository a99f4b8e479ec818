//! Packing 1: cells of weights and blocks of channels.

use bytemuck::{Pod, Zeroable};

/// Output channels of a block.
pub const LANES: usize = 8;

/// Four consecutive values of K for 8 output channels, a row of 4 for each.
pub type WeightCell = [[i8; 4]; LANES];

/// Weights of 8 output channels for one value of K, or one tap, in float32.
pub type FloatRow = [f32; LANES];

/// Requantization of 8 output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct ChannelBlock {
    /// Bias at scale input · weight.
    pub bias: [i32; LANES],
    /// Sum of the channel's weights.
    pub weight_sum: [i32; LANES],
    /// Multiplier in Q0.31.
    pub multiplier: [i32; LANES],
    /// Power of two, positive to the left.
    pub shift: [i32; LANES],
}

const _: () = assert!(size_of::<ChannelBlock>() == 128);

/// Bias of 8 output channels in float32.
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct FloatChannelBlock {
    /// Bias.
    pub bias: [f32; LANES],
}

/// Number of [`WeightCell`]s along K of one block: `kernel_h · ⌈kernel_w · channels_in / 4⌉`, `channels_in` per group.
///
/// `None` if it does not fit 32 bits.
pub fn convolution_cells(kernel_h: u32, kernel_w: u32, channels_in: u32) -> Option<u32> {
    kernel_w.checked_mul(channels_in)?.div_ceil(4).checked_mul(kernel_h)
}
