//! depthwise_conv2d in float32.

use super::Memory;
use super::arch::float32::{self, Bounds, Convolution};
use super::conv2d_float32::for_each_image;
use super::convolution;
use super::depthwise_conv2d::counts;
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes;
use crate::format::{FloatChannelBlock, FloatRow};
use crate::program::Operation;

#[inline(never)]
pub(super) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    let attributes: &attributes::Convolution = operation.attributes()?;
    let shape = convolution::shape(operation, attributes);
    let [blocks, lines] = counts(&shape);
    let (low, high) = attributes.clamp.as_float32();
    let job = Convolution {
        weights: operation.weights::<FloatRow>(attributes.weights_offset, lines)?,
        channels: operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks)?,
        shape,
        bounds: Bounds { low, high },
    };
    for_each_image(operation, memory, |input, output| {
        float32::depthwise_conv2d(family, &job, input, output);
    })
}
