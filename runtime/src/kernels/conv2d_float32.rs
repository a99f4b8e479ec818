//! conv2d in float32.

use super::Memory;
use super::arch::float32::{self, Bounds, Convolution};
use super::conv2d::counts_float32;
use super::convolution;
use super::parts::{parts, parts_mut};
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
    let [blocks, rows] = counts_float32(&shape);
    let (low, high) = attributes.clamp.as_float32();
    let job = Convolution {
        weights: operation.weights::<FloatRow>(attributes.weights_offset, rows)?,
        channels: operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks)?,
        shape,
        bounds: Bounds { low, high },
    };
    for_each_image(operation, memory, |input, output| {
        float32::conv2d(family, &job, input, output);
    })
}

/// Calls `kernel` with input and output of every image of a step.
pub(super) fn for_each_image(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    mut kernel: impl FnMut(&[f32], &mut [f32]),
) -> Result<(), Defect> {
    let (input, output) = (operation.input(0)?, operation.output());
    let memory = memory.separate::<f32, f32>(input, output)?;
    let values = |[_, h, w, c]: [u32; 4]| {
        let values = h.checked_mul(w).and_then(|pixels| pixels.checked_mul(c)).ok_or(Defect::Shapes)?;
        Ok(values as usize)
    };
    let inputs = parts(memory.input, values(input.dims)?);
    for (input, output) in inputs.zip(parts_mut(memory.output, values(output.dims)?)) {
        kernel(input, output);
    }
    Ok(())
}
