//! Packing 2: cells of weights and blocks of channels.

use bytemuck::{Pod, Zeroable};

/// Output channels of a block.
pub const LANES: usize = 8;

/// Weights of 8 output channels for four consecutive values of K.
///
/// Each halfword holds the weights of two channels for one value of K: `256 · odd channel + even channel`. So one word, which has
/// two values of K, multiplies as it is: SMLAD adds 256 times the products of the odd channel and those of the even channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct WeightCell {
    /// The halfwords, see [`WeightCell::halfword`].
    pub halfwords: [i16; 16],
}

const _: () = assert!(size_of::<WeightCell>() == 32);

impl WeightCell {
    /// Index of the halfword that holds channels 2 · `pair` and 2 · `pair` + 1 (`pair` below 4) at `k` (below 4).
    ///
    /// In 16 bytes for four channels: the first pair at K 0 and 2, the second pair likewise, then both at K 1 and 3.
    pub const fn halfword(pair: usize, k: usize) -> usize {
        (pair / 2) * 8 + (k % 2) * 4 + (pair % 2) * 2 + k / 2
    }

    /// The weights, one row of 4 values of K for each channel.
    pub fn rows(&self) -> [[i8; 4]; LANES] {
        let mut rows = [[0; 4]; LANES];
        for (pair, rows) in rows.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let [even_row, odd_row] = rows;
            for (k, (even, odd)) in even_row.iter_mut().zip(odd_row).enumerate() {
                let halfword = self.halfwords.get(Self::halfword(pair, k)).copied().unwrap_or(0);
                *even = halfword as i8;
                *odd = (halfword.wrapping_sub(i16::from(*even)) >> 8) as i8;
            }
        }
        rows
    }

    /// The cell of these weights, which are in −127 to 127.
    pub fn from_rows(rows: &[[i8; 4]; LANES]) -> WeightCell {
        let mut cell = WeightCell::default();
        for (pair, [even_row, odd_row]) in rows.as_chunks::<2>().0.iter().enumerate() {
            for (k, (&even, &odd)) in even_row.iter().zip(odd_row).enumerate() {
                if let Some(halfword) = cell.halfwords.get_mut(Self::halfword(pair, k)) {
                    *halfword = (i16::from(odd) << 8).wrapping_add(i16::from(even));
                }
            }
        }
        cell
    }
}

/// Weights of 8 output channels for one value of K, or one tap, in float32.
pub type FloatRow = [f32; LANES];

/// Requantization of 8 output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct ChannelBlock {
    /// Bias at scale input · weight, less the input's zero point times the sum of the channel's weights.
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
