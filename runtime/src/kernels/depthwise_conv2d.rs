//! depthwise_conv2d: convolution of each channel with its own kernel.

use super::arch::needs::{self, Needs};
use super::arch::{self, ConvolutionShape, Depthwise};
use super::bands::{Bands, Overlap};
use super::convolution::{self, verify_channels, verify_geometry};
use super::{Memory, depthwise_conv2d_float32};
use crate::error::Defect;
use crate::family::Family;
use crate::feature::Features;
use crate::format::{DataType, FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

/// Output rows that are computed at once when input and output share memory: a microcontroller widens input rows and weights anew
/// for every band.
const ROWS_AT_ONCE: usize = 2;

/// Number of blocks of 8 channels, and of weight lines in all of them.
pub(super) fn counts(shape: &ConvolutionShape) -> [usize; 2] {
    let blocks = shape.output[2].div_ceil(LANES);
    [blocks, blocks.saturating_mul(shape.taps())]
}

/// What the kernels of `family` need.
pub(crate) fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    if !operation.output().is(DataType::Int8) {
        return Ok(Needs::default());
    }
    let shape = convolution::shape(operation, operation.attributes()?);
    convolution::with_copy(operation, family, needs::depthwise_conv2d(family, &shape).ok_or(Defect::Shapes)?)
}

/// The distances at which input and output may share memory.
pub(crate) fn overlap(operation: &Operation<'_>) -> Result<Option<Overlap>, Defect> {
    let shape = convolution::shape(operation, operation.attributes()?);
    Ok(convolution::overlap(operation, &bands(&shape)))
}

fn bands(shape: &ConvolutionShape) -> Bands {
    convolution::bands(shape, ROWS_AT_ONCE)
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes = verify_geometry(operation)?;
    let channels = operation.first_input().dims[3];
    if channels != operation.output().dims[3] || attributes.groups != channels {
        return Err(Defect::Shapes);
    }
    if operation.is_float32() {
        operation.require_placement(false)?;
        let [blocks, rows] = counts(&convolution::shape(operation, attributes));
        operation.weights::<FloatRow>(attributes.weights_offset, rows)?;
        operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks)?;
        return Ok(());
    }
    let job = job(operation);
    let job = job.as_ref().map_err(|defect| *defect)?;
    convolution::verify_overlap(operation, &bands(&job.shape))?;
    arch::dsp::features::depthwise_conv2d(job).require_built()?;
    verify_channels(job.channels)
}

#[inline(never)]
fn job<'a>(operation: &Operation<'a>) -> Result<Depthwise<'a>, Defect> {
    convolution::layer(operation, counts)
}

/// What it needs of the parts that an image may leave out.
pub(crate) fn features(operation: &Operation<'_>) -> Result<Features, Defect> {
    Ok(arch::dsp::features::depthwise_conv2d(&job(operation)?))
}

pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    if operation.output().is(DataType::Int8) {
        arch::kernels(family).prepare_depthwise_conv2d(&job(operation)?, prepared);
    }
    Ok(())
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    if operation.is_float32() {
        return depthwise_conv2d_float32::execute(operation, memory, family);
    }
    execute_int8(operation, memory, family)
}

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let kernels = arch::kernels(family);
    let mut job = job(operation);
    let job = job.as_mut().map_err(|defect| *defect)?;
    job.sums = kernels.depthwise_conv2d_sums(job);
    let job = &*job;
    convolution::for_each_band(operation, memory, family, &bands(&job.shape), &mut |band, workspace| {
        kernels.depthwise_conv2d(job, band, workspace);
    })
}
