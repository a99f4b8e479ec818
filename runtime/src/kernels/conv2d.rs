//! conv2d: convolution, also 1-D and grouped.

use super::arch::needs::{self, Needs};
use super::arch::{self, Convolution, ConvolutionShape};
use super::bands::{Bands, Overlap};
use super::convolution::{self, verify_channels, verify_geometry};
use super::{Memory, conv2d_float32};
use crate::error::Defect;
use crate::family::Family;
use crate::feature::Features;
use crate::format::{DataType, FloatChannelBlock, FloatRow};
use crate::program::Operation;

/// Pixels that a pointwise convolution computes at once when its input and output share memory.
const PIXELS_AT_ONCE: usize = 8;

/// Blocks of 8 output channels and cells of all groups.
fn counts(shape: &ConvolutionShape) -> [usize; 2] {
    // No more than there are channels.
    let blocks = shape.groups.wrapping_mul(shape.blocks());
    [blocks, blocks.saturating_mul(shape.cells())]
}

/// Blocks of 8 output channels and rows of 8 weights of all groups.
pub(super) fn counts_float32(shape: &ConvolutionShape) -> [usize; 2] {
    let blocks = shape.groups.saturating_mul(shape.blocks());
    [blocks, blocks.saturating_mul(shape.taps()).saturating_mul(shape.channels_in())]
}

/// What the kernels of `family` need.
pub(crate) fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    if !operation.output().is(DataType::Int8) {
        return Ok(Needs::default());
    }
    let shape = convolution::shape(operation, operation.attributes()?);
    convolution::with_copy(operation, family, needs::conv2d(family, &shape).ok_or(Defect::Shapes)?)
}

/// The distances at which input and output may share memory.
pub(crate) fn overlap(operation: &Operation<'_>) -> Result<Option<Overlap>, Defect> {
    let mut shape = convolution::shape(operation, operation.attributes()?);
    shape.flatten();
    Ok(convolution::overlap(operation, &bands(&shape)))
}

/// Bands of one row; of pixels where a row sees nothing but itself.
fn bands(shape: &ConvolutionShape) -> Bands {
    if !shape.is_pointwise() {
        return convolution::bands(shape, 1);
    }
    let [_, pixels, c] = shape.input;
    Bands {
        window: shape.rows,
        input_rows: pixels,
        input_row_bytes: c,
        output_rows: pixels,
        output_row_bytes: shape.output[2],
        at_once: PIXELS_AT_ONCE,
    }
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes = verify_geometry(operation)?;
    if operation.is_float32() {
        operation.require_placement(false)?;
        let [blocks, rows] = counts_float32(&convolution::shape(operation, attributes));
        operation.weights::<FloatRow>(attributes.weights_offset, rows)?;
        operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks)?;
        return Ok(());
    }
    let mut job = job(operation);
    let job = job.as_mut().map_err(|defect| *defect)?;
    job.shape.flatten();
    convolution::verify_overlap(operation, &bands(&job.shape))?;
    arch::dsp::features::conv2d(job).require_built()?;
    verify_channels(job.channels)
}

/// What the kernels get to see once it is flattened: a pointwise convolution sees all pixels as one row.
#[inline(never)]
fn job<'a>(operation: &Operation<'a>) -> Result<Convolution<'a>, Defect> {
    convolution::layer(operation, counts)
}

/// What it needs of the parts that an image may leave out.
pub(crate) fn features(operation: &Operation<'_>) -> Result<Features, Defect> {
    Ok(arch::dsp::features::conv2d(&job(operation)?))
}

pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    if operation.output().is(DataType::Int8) {
        let mut job = job(operation)?;
        job.shape.flatten();
        arch::kernels(family).prepare_conv2d(&job, prepared);
    }
    Ok(())
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    if operation.is_float32() {
        return conv2d_float32::execute(operation, memory, family);
    }
    execute_int8(operation, memory, family)
}

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let kernels = arch::kernels(family);
    let mut job = job(operation);
    let job = job.as_mut().map_err(|defect| *defect)?;
    job.shape.flatten();
    job.sums = kernels.conv2d_sums(job);
    let bands = bands(&job.shape);
    convolution::for_each_band(operation, memory, family, &bands, &mut |mut band, workspace| {
        if job.shape.is_pointwise() {
            job.shape.set_pixels(band.rows.len());
            (band.rows, band.first_input_row) = (0..1, 0);
        }
        kernels.conv2d(job, band, workspace);
    })
}
