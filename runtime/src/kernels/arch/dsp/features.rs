//! What a layer needs of the parts that an image may leave out. Compiled for every machine: who builds an image asks.

use super::layout::is_three_by_three;
use super::scaling::{self, bits};
use crate::feature::{Feature, Features};
use crate::kernels::arch::{Convolution, Dense, Depthwise, Sums};

/// For a convolution.
#[inline(always)]
pub(crate) fn conv2d(job: &Convolution<'_>) -> Features {
    let shape = &job.shape;
    let mut features = Features::default();
    features.add(Feature::Conv2dDilationGroups, || {
        (shape.rows.dilation | shape.columns.dilation) != 1 || shape.groups != 1
    });
    features.add(Feature::AnyChannels, || !shape.channels_out().is_multiple_of(4));
    features.add(Feature::AnyRequantization, || scaling::conv2d(job) == Sums::Raw);
    features
}

/// For a depthwise convolution.
#[inline(always)]
pub(crate) fn depthwise_conv2d(job: &Depthwise<'_>) -> Features {
    let shape = &job.shape;
    let is_asked = Feature::AnyRequantization.is_asked() || Feature::DepthwiseAnyKernel.is_asked();
    let is_raw = is_asked && scaling::depthwise_conv2d(job) == Sums::Raw;
    let mut features = Features::default();
    features.add(Feature::AnyChannels, || !shape.output[2].is_multiple_of(4));
    features.add(Feature::AnyRequantization, || is_raw);
    let is_three_by_three = is_three_by_three(shape);
    features.add(Feature::DepthwiseAnyKernel, || is_raw || !is_three_by_three);
    features.add(Feature::DepthwiseStrideTwo, || is_three_by_three && shape.columns.stride == 2);
    features
}

/// For a fully connected layer.
#[inline(always)]
pub(crate) fn fully_connected(job: &Dense<'_>) -> Features {
    let mut features = Features::default();
    // The kernel scales channels in pairs, by shifts to the right.
    features.add(Feature::AnyRequantization, || {
        let [_, exponents, _] = bits(job.channels, job.outputs.next_multiple_of(2));
        exponents > i32::MAX as u32
    });
    features
}
