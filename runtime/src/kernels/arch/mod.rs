//! The inner loops that differ per instruction set, behind one trait.
//!
//! Every implementation writes the same bytes as [`portable`], for every input.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", dunlin_dsp))]
mod blocks;
#[cfg(dunlin_dsp)]
mod dsp;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_dot;
mod portable;
#[cfg(target_arch = "x86_64")]
mod requantize_avx2;
#[cfg(target_arch = "aarch64")]
mod requantize_neon;
#[cfg(target_arch = "x86_64")]
mod vnni;

use crate::family::Family;
use crate::fixed_point::{scale_rounding_once, scale_rounding_twice};
use crate::format::{ChannelBlock, LANES, WeightCell};

/// A matrix product with requantization: columns of input times blocks of weights.
pub(crate) struct Gemm<'a> {
    /// `channels.len()` blocks of `cells` cells each.
    pub weights: &'a [WeightCell],
    /// One block for each 8 output channels.
    pub channels: &'a [ChannelBlock],
    /// Cells along K; a column has `4 · cells` values.
    pub cells: usize,
    /// The columns, the first value of one `column_stride` behind that of the one before.
    pub columns: &'a [i8],
    /// See `columns`; at least `4 · cells`.
    pub column_stride: usize,
    /// Number of columns.
    pub count: usize,
    /// Output channels to write, at most `8 · channels.len()`.
    pub output_channels: usize,
    /// Distance of the outputs of one column from those of the next.
    pub output_stride: usize,
    /// Zero points and activation.
    pub quantization: OutputQuantization,
}

/// A depthwise convolution of one output pixel.
pub(crate) struct Depthwise<'a> {
    /// For each block of 8 channels a line for each tap.
    pub weights: &'a [[i8; LANES]],
    /// One block for each 8 channels.
    pub channels: &'a [ChannelBlock],
    /// Number of channels, at most `8 · channels.len()`.
    pub channel_count: usize,
    /// Zero points and activation.
    pub quantization: OutputQuantization,
}

/// Marks a tap that lies in the padding.
pub(crate) const PADDING: i32 = -1;

/// Which of the two functions of [`crate::fixed_point`] scales a sum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Convolutions.
    Twice,
    /// Fully connected layers.
    Once,
}

/// How sums become outputs.
#[derive(Clone, Copy)]
pub(crate) struct OutputQuantization {
    /// How the scaled sum is rounded.
    pub rounding: Rounding,
    /// Zero point of the input.
    pub input_zero_point: i32,
    /// Zero point of the output.
    pub output_zero_point: i32,
    /// Lowest output, in int8.
    pub low: i32,
    /// Highest output, in int8.
    pub high: i32,
}

impl OutputQuantization {
    /// The output for `sum`, the sum of products of a channel.
    #[inline(always)]
    pub fn requantize(&self, sum: i32, channels: &ChannelBlock, lane: usize) -> i8 {
        let of = |values: &[i32; LANES]| values.get(lane).copied().unwrap_or(0);
        let folded =
            of(&channels.bias).wrapping_sub(self.input_zero_point.wrapping_mul(of(&channels.weight_sum)));
        let scale = match self.rounding {
            Rounding::Twice => scale_rounding_twice,
            Rounding::Once => scale_rounding_once,
        };
        let scaled = scale(sum.wrapping_add(folded), of(&channels.multiplier), of(&channels.shift));
        scaled.wrapping_add(self.output_zero_point).max(self.low).min(self.high) as i8
    }
}

/// The inner loops of a kernel family.
pub(crate) trait Kernels: Sync {
    /// Writes `output[column · output_stride + channel]` for every column and output channel.
    fn gemm(&self, job: &Gemm<'_>, output: &mut [i8]);

    /// Writes the channels of one pixel. `taps` holds for each tap the index in `input` of the pixel that it lies on, or
    /// [`PADDING`].
    fn depthwise(&self, job: &Depthwise<'_>, input: &[i8], taps: &[i32], output: &mut [i8]);
}

/// How many columns an operator prepares for the kernels of `family`, on whatever machine this is asked.
pub(crate) const fn columns(family: Family) -> usize {
    match family {
        Family::Portable => 1,
        Family::Dsp | Family::Neon | Family::NeonDot | Family::Avx2 | Family::Vnni => 4,
    }
}

/// The inner loops of `family`. A family that this processor or build does not have gives the portable ones.
pub(crate) fn kernels(family: Family) -> &'static dyn Kernels {
    match family {
        #[cfg(target_arch = "x86_64")]
        Family::Avx2 if family.is_available() => &avx2::Avx2,
        #[cfg(target_arch = "x86_64")]
        Family::Vnni if family.is_available() => &vnni::Vnni,
        #[cfg(target_arch = "aarch64")]
        Family::Neon => &neon::Neon,
        #[cfg(target_arch = "aarch64")]
        Family::NeonDot if family.is_available() => &neon_dot::NeonDot,
        #[cfg(dunlin_dsp)]
        Family::Dsp => &dsp::Dsp,
        _ => &portable::Portable,
    }
}
