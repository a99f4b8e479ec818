//! The inner loops of convolutions and fully connected layers in float32.
//!
//! A sum adds one product after the other in the order kernel row, kernel column, input channel, without fused
//! multiply-add. [`portable`] does just that. [`tiles`] keeps the order of every sum and computes sums of several pixels and
//! channels side by side, so the bits are the same.

mod portable;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use super::ConvolutionShape;
use crate::family::Family;
use crate::format::{FloatChannelBlock, FloatRow};
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use crate::kernels::window::Window;

/// Bounds of an activation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Lowest output.
    pub low: f32,
    /// Highest output.
    pub high: f32,
}

impl Bounds {
    /// The value within the bounds; `low` for NaN. Zeros of either sign are equal, and those at a bound have the bound's sign:
    /// `f32::max` would leave that to the instruction set.
    #[inline(always)]
    pub fn apply(self, value: f32) -> f32 {
        let value = if value > self.low { value } else { self.low };
        if value < self.high { value } else { self.high }
    }
}

/// A convolution of one image.
#[derive(Clone, Copy)]
pub(crate) struct Convolution<'a> {
    /// The blocks of all groups. A block has a row for each value of the kernel; that of a depthwise convolution, for each tap.
    pub weights: &'a [FloatRow],
    /// One block for each 8 output channels of a group.
    pub channels: &'a [FloatChannelBlock],
    /// Kernel and image.
    pub shape: ConvolutionShape,
    /// Activation.
    pub bounds: Bounds,
}

/// A matrix that is multiplied with vectors.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    /// The blocks: a row for each value of a vector.
    pub weights: &'a [FloatRow],
    /// One block for each 8 outputs.
    pub channels: &'a [FloatChannelBlock],
    /// Values of a vector.
    pub inputs: usize,
    /// Values of a result.
    pub outputs: usize,
    /// Activation.
    pub bounds: Bounds,
}

/// Convolves one image.
pub(crate) fn conv2d(family: Family, job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    match family {
        #[cfg(target_arch = "x86_64")]
        Family::Avx2 | Family::Vnni if family.is_available() => x86_64::conv2d(family, job, input, output),
        #[cfg(target_arch = "aarch64")]
        Family::Neon | Family::NeonDot => tiles::conv2d::<4>(job, input, output),
        _ => portable::conv2d(job, input, output),
    }
}

/// Convolves each channel of one image with its own kernel.
pub(crate) fn depthwise_conv2d(family: Family, job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    match family {
        #[cfg(target_arch = "x86_64")]
        Family::Avx2 | Family::Vnni if family.is_available() => x86_64::depthwise_conv2d(job, input, output),
        #[cfg(target_arch = "aarch64")]
        Family::Neon | Family::NeonDot => tiles::depthwise_conv2d(job, input, output),
        _ => portable::depthwise_conv2d(job, input, output),
    }
}

/// Multiplies all vectors.
pub(crate) fn fully_connected(family: Family, job: &Dense<'_>, input: &[f32], output: &mut [f32]) {
    match family {
        #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
        Family::Neon | Family::NeonDot | Family::Avx2 | Family::Vnni => {
            conv2d(family, &job.as_convolution(output.len()), input, output);
        }
        _ => portable::fully_connected(job, input, output),
    }
}

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
impl<'a> Dense<'a> {
    /// The vectors as the pixels of a row, of which all results together have `results` values.
    fn as_convolution(&self, results: usize) -> Convolution<'a> {
        let one = Window { kernel: 1, stride: 1, dilation: 1, padding: 0 };
        let vectors = results.checked_div(self.outputs).unwrap_or(0);
        let (input, output) = ([1, vectors, self.inputs], [1, vectors, self.outputs]);
        let shape = ConvolutionShape { rows: one, columns: one, input, output, groups: 1 };
        Convolution { weights: self.weights, channels: self.channels, shape, bounds: self.bounds }
    }
}
