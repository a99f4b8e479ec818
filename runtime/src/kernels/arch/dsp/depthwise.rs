//! Depthwise convolutions.
//!
//! For a 3 × 3 kernel of stride 1 or 2, the input rows that one pass sees are widened for four channels at a time: a word holds two values
//! of a channel, one above the other, so that SMLAD takes two kernel rows at once. For each channel the six words of its weights
//! stay in registers over the whole row; its sums replace the values that they no longer need, and are scaled in a second loop.

mod any_kernel;
mod three_by_three;

use super::layout::is_three_by_three;
use super::requantize::clamp;
use crate::feature::Feature;
use crate::format::LANES;
use crate::kernels::arch::{Band, Depthwise, Sums};

/// Writes the rows of a band.
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>, mut band: Band<'_>, scratch: &mut [u8]) {
    let [_, width, channels] = job.shape.output;
    let taps = job.shape.taps();
    let blocks = channels.div_ceil(LANES);
    let bytes = band.rows.len().checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));
    let is_complete = bytes.is_some_and(|bytes| bytes <= band.output.len())
        && job.channels.len() >= blocks
        && blocks.checked_mul(taps).is_some_and(|lines| lines <= job.weights.len());
    if !is_complete || width == 0 || taps == 0 {
        return;
    }
    // A build without the way for other sums, or other kernels, has refused them.
    let is_raw = Feature::AnyRequantization.is_built() && job.sums == Sums::Raw;
    if !is_raw && is_three_by_three(&job.shape) {
        three_by_three::depthwise_conv2d(job, &mut band, scratch);
    } else if Feature::DepthwiseAnyKernel.is_built() {
        any_kernel::depthwise_conv2d(job, &mut band, is_raw);
    }
    clamp(&job.quantization, band.output);
}
