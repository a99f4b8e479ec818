//! The inner loops that differ per instruction set, behind one trait.
//!
//! Every implementation writes the same bytes as [`portable`], for every input.

mod aarch64;
pub(crate) mod addition;
mod columns;
pub(crate) mod dsp;
pub(crate) mod float32;
pub(crate) mod needs;
mod portable;
mod x86;

use core::ops::Range;

use super::window::Window;
use crate::family::Family;
use crate::fixed_point::{scale_rounding_once, scale_rounding_twice};
use crate::format::{ChannelBlock, LANES, WeightCell};

/// Kernel, image and groups of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvolutionShape {
    /// Kernel rows.
    pub rows: Window,
    /// Kernel columns.
    pub columns: Window,
    /// Height, width and channels of the input.
    pub input: [usize; 3],
    /// Height, width and channels of the output.
    pub output: [usize; 3],
    /// Groups of channels; as many as channels where it is depthwise.
    pub groups: usize,
}

impl ConvolutionShape {
    /// Input channels of a group.
    pub fn channels_in(&self) -> usize {
        self.input[2].checked_div(self.groups).unwrap_or(0)
    }

    /// Output channels of a group.
    pub fn channels_out(&self) -> usize {
        self.output[2].checked_div(self.groups).unwrap_or(0)
    }

    /// Blocks of 8 output channels of a group.
    pub fn blocks(&self) -> usize {
        self.channels_out().div_ceil(LANES)
    }

    /// Cells of one kernel row.
    pub fn row_cells(&self) -> usize {
        (self.columns.kernel as usize).saturating_mul(self.channels_in()).div_ceil(4)
    }

    /// Cells of the whole kernel.
    #[inline(never)]
    pub fn cells(&self) -> usize {
        (self.rows.kernel as usize).saturating_mul(self.row_cells())
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        (self.rows.kernel as usize).saturating_mul(self.columns.kernel as usize)
    }

    /// Makes the image of a pointwise convolution a row of `pixels`.
    pub fn set_pixels(&mut self, pixels: usize) {
        (self.input[0], self.input[1]) = (1, pixels);
        (self.output[0], self.output[1]) = (1, pixels);
    }

    /// Makes the image of a pointwise convolution one row.
    #[inline(never)]
    pub fn flatten(&mut self) {
        if self.is_pointwise() {
            self.set_pixels(self.input[0].wrapping_mul(self.input[1]));
        }
    }

    /// Whether every output pixel sees the input pixel at its own place and nothing else.
    pub fn is_pointwise(&self) -> bool {
        let sees_one = |window: &Window| window.kernel == 1 && window.stride == 1 && window.padding == 0;
        self.groups == 1
            && sees_one(&self.rows)
            && sees_one(&self.columns)
            && self.input[0] == self.output[0]
            && self.input[1] == self.output[1]
    }
}

/// A convolution of one image: conv2d or depthwise_conv2d.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a, W> {
    /// Packed weights.
    pub weights: &'a [W],
    /// One block for each 8 output channels of a group, or of all where it is depthwise.
    pub channels: &'a [ChannelBlock],
    /// Kernel and image.
    pub shape: ConvolutionShape,
    /// Zero points and activation.
    pub quantization: OutputQuantization,
    /// What the kernels have found out about the sums.
    pub sums: Sums,
}

/// The weights of conv2d: cells of all blocks of all groups.
pub(crate) type Convolution<'a> = Layer<'a, WeightCell>;

/// The weights of depthwise_conv2d: for each block of 8 channels a line for each tap.
pub(crate) type Depthwise<'a> = Layer<'a, [i8; LANES]>;

/// A matrix that is multiplied with one vector after the other.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    /// Cells of all blocks.
    pub weights: &'a [WeightCell],
    /// One block for each 8 outputs.
    pub channels: &'a [ChannelBlock],
    /// Values of the vector.
    pub inputs: usize,
    /// Values of the result.
    pub outputs: usize,
    /// Zero points and activation.
    pub quantization: OutputQuantization,
}

/// Some output rows of an image and the input that they see.
pub(crate) struct Band<'a> {
    /// The output rows.
    pub rows: Range<usize>,
    /// The input row that `input` begins with; no earlier one is seen.
    pub first_input_row: usize,
    /// Input rows, as far as they are seen.
    pub input: &'a [i8],
    /// The output rows, and nothing else.
    pub output: &'a mut [i8],
}

/// Memory of the arena that belongs to a step.
pub(crate) struct Workspace<'a> {
    /// To be used as it likes, at least as long as [`needs`] states.
    pub scratch: &'a mut [u8],
    /// What the kernel has prepared when the session was made, as long as [`needs`] states.
    #[cfg_attr(target_os = "none", allow(dead_code, reason = "a microcontroller prepares nothing"))]
    pub prepared: &'a [u8],
}

/// How far the sums of a layer reach, and so what kernels may do with them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
#[cfg_attr(not(dunlin_dsp), allow(dead_code, reason = "other families find out when they prepare"))]
pub(crate) enum Sums {
    /// All stay below 2²³, bias included.
    Short = 0,
    /// All stay below 2³⁰, bias included.
    Long = 1,
    /// Nothing is known: they are handed over without having been scaled.
    Raw = 2,
}

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
    /// The output for `sum`, the sum of the products of a channel's weights and the raw values of the input.
    #[inline(always)]
    pub fn requantize(&self, sum: i32, channels: &ChannelBlock, lane: usize) -> i8 {
        let of = |values: &[i32; LANES]| values.get(lane).copied().unwrap_or(0);
        let scale = match self.rounding {
            Rounding::Twice => scale_rounding_twice,
            Rounding::Once => scale_rounding_once,
        };
        let sum = sum.wrapping_add(of(&channels.bias));
        let scaled = scale(sum, of(&channels.multiplier), of(&channels.shift));
        scaled.wrapping_add(self.output_zero_point).max(self.low).min(self.high) as i8
    }
}

/// The inner loops of a kernel family.
pub(crate) trait Kernels: Sync {
    /// Fills what [`Kernels::conv2d`] finds in [`Workspace::prepared`].
    fn prepare_conv2d(&self, _job: &Convolution<'_>, _prepared: &mut [u8]) {}

    /// Fills what [`Kernels::depthwise_conv2d`] finds in [`Workspace::prepared`].
    fn prepare_depthwise_conv2d(&self, _job: &Depthwise<'_>, _prepared: &mut [u8]) {}

    /// Fills what [`Kernels::fully_connected`] finds in [`Workspace::prepared`].
    fn prepare_fully_connected(&self, _job: &Dense<'_>, _prepared: &mut [u8]) {}

    /// How far the sums of a layer reach: asked for once, before its bands.
    fn conv2d_sums(&self, _job: &Convolution<'_>) -> Sums {
        Sums::Raw
    }

    /// How far the sums of a layer reach: asked for once, before its bands.
    fn depthwise_conv2d_sums(&self, _job: &Depthwise<'_>) -> Sums {
        Sums::Raw
    }

    /// Writes the rows of a band.
    fn conv2d(&self, job: &Convolution<'_>, band: Band<'_>, workspace: Workspace<'_>);

    /// Writes the rows of a band.
    fn depthwise_conv2d(&self, job: &Depthwise<'_>, band: Band<'_>, workspace: Workspace<'_>);

    /// Multiplies one vector.
    fn fully_connected(&self, job: &Dense<'_>, input: &[i8], output: &mut [i8], workspace: Workspace<'_>);
}

/// Whether there are kernels that prepare their weights: a microcontroller takes them from flash as they are.
pub(crate) const PREPARES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Whether the kernels of `family` take a whole image at a time, from memory that their output does not touch: an input that shares
/// memory with the output is copied to scratch first.
pub(crate) const fn takes_whole_images(family: Family) -> bool {
    // A build for a microcontroller has no other families: nothing of the copy is left in it.
    cfg!(any(target_arch = "x86_64", target_arch = "aarch64"))
        && !matches!(family, Family::Portable | Family::Dsp)
}

/// The inner loops of `family`. A family that this processor or build does not have gives the portable ones.
pub(crate) fn kernels(family: Family) -> &'static dyn Kernels {
    match family {
        #[cfg(dunlin_dsp)]
        Family::Dsp => &dsp::Dsp,
        #[cfg(target_arch = "aarch64")]
        Family::Neon => &aarch64::neon::Neon,
        #[cfg(target_arch = "aarch64")]
        Family::NeonDot if family.is_available() => &aarch64::neon_dot::NeonDot,
        #[cfg(target_arch = "x86_64")]
        Family::Avx2 if family.is_available() => &x86::avx2::Avx2,
        #[cfg(target_arch = "x86_64")]
        Family::Vnni if family.is_available() => &x86::vnni::Vnni,
        // A build that leaves the portable kernels out has no other family either.
        #[cfg(all(dunlin_dsp, not(feature = "portable")))]
        _ => &dsp::Dsp,
        #[cfg(not(all(dunlin_dsp, not(feature = "portable"))))]
        _ => &portable::Portable,
    }
}
