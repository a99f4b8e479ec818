//! conv2d: convolution, also 1-D and grouped.

use super::arch::needs::{self, Needs};
use super::arch::{self, Band, Convolution, ConvolutionShape};
use super::bands::{Bands, Overlap};
use super::convolution::{self, verify_channels, verify_geometry, verify_offsets};
use super::{Memory, conv2d_float32};
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes;
use crate::format::{ChannelBlock, DataType, FloatChannelBlock, FloatRow, WeightCell};
use crate::program::Operation;

/// Pixels that a pointwise convolution computes at once when its input and output share memory.
const PIXELS_AT_ONCE: usize = 8;

/// Blocks of 8 output channels and cells of all groups.
fn blocks_and_cells(shape: &ConvolutionShape) -> Result<(usize, usize), Defect> {
    let blocks = shape.groups.checked_mul(shape.blocks()).ok_or(Defect::Shapes)?;
    let cells = blocks.checked_mul(shape.cells()).filter(|&cells| cells <= u32::MAX as usize);
    Ok((blocks, cells.ok_or(Defect::Shapes)?))
}

/// What the kernels of `family` need.
pub(crate) fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    if operation.data_type()? != DataType::Int8 {
        return Ok(Needs::default());
    }
    let needs = needs::conv2d(family, &convolution::shape(operation)?).ok_or(Defect::Shapes)?;
    convolution::with_copy(operation, family, needs)
}

/// The distances at which input and output may share memory.
pub(crate) fn overlap(operation: &Operation<'_>) -> Result<Option<Overlap>, Defect> {
    Ok(bands(operation)?.map(|bands| bands.overlap()))
}

/// Bands of one row; of pixels where a row sees nothing but itself. `None` where input and output have to lie apart.
fn bands(operation: &Operation<'_>) -> Result<Option<Bands>, Defect> {
    let shape = convolution::shape(operation)?;
    let Some(bands) = convolution::bands(operation, &shape, 1)? else { return Ok(None) };
    if !shape.is_pointwise() {
        return Ok(Some(bands));
    }
    let pixels = shape.output[0].checked_mul(shape.output[1]).ok_or(Defect::Shapes)?;
    Ok(Some(Bands {
        input_rows: pixels,
        input_row_bytes: shape.input[2],
        output_rows: pixels,
        output_row_bytes: shape.output[2],
        at_once: PIXELS_AT_ONCE,
        ..bands
    }))
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &attributes::Convolution = operation.attributes()?;
    verify_geometry(operation, attributes)?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let shape = convolution::shape(operation)?;
    let (blocks, cells) = blocks_and_cells(&shape)?;
    match operation.data_type()? {
        DataType::Int8 => {
            if operation.shares_memory()? {
                convolution::verify_overlap(operation, overlap(operation)?)?;
            }
            operation.weights::<WeightCell>(attributes.weights_offset, cells)?;
            verify_channels(operation, attributes.channels_offset, blocks)
        }
        DataType::Float32 => {
            operation.require_placement(false)?;
            let rows =
                blocks.checked_mul(shape.taps()).and_then(|rows| rows.checked_mul(shape.channels_in()));
            operation.weights::<FloatRow>(attributes.weights_offset, rows.ok_or(Defect::Shapes)?)?;
            operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks).map(|_| ())
        }
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

fn job<'a>(operation: &Operation<'a>) -> Result<Convolution<'a>, Defect> {
    let attributes: &attributes::Convolution = operation.attributes()?;
    let shape = convolution::shape(operation)?;
    let (blocks, cells) = blocks_and_cells(&shape)?;
    Ok(Convolution {
        weights: operation.weights(attributes.weights_offset, cells)?,
        channels: operation.weights::<ChannelBlock>(attributes.channels_offset, blocks)?,
        shape,
        quantization: convolution::quantization(operation, attributes)?,
    })
}

pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    if operation.data_type()? == DataType::Int8 {
        let mut job = job(operation)?;
        if job.shape.is_pointwise() {
            job = pixels(&job, job.shape.output[0].saturating_mul(job.shape.output[1]));
        }
        arch::kernels(family).prepare_conv2d(&job, prepared);
    }
    Ok(())
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    match operation.data_type()? {
        DataType::Int8 => execute_int8(operation, memory, family),
        _ if operation.is_float32() => conv2d_float32::execute(operation, memory, family),
        _ => Err(Defect::DataTypes),
    }
}

/// A pointwise convolution of `count` pixels sees them as one row.
fn pixels<'a>(job: &Convolution<'a>, count: usize) -> Convolution<'a> {
    let mut job = *job;
    job.shape.input = [1, count, job.shape.input[2]];
    job.shape.output = [1, count, job.shape.output[2]];
    job
}

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let kernels = arch::kernels(family);
    let job = job(operation)?;
    let channels = job.shape.output[2];
    convolution::for_each_part(operation, memory, family, bands(operation)?, &mut |band, workspace| {
        if job.shape.is_pointwise() {
            let job = pixels(&job, band.output.len().checked_div(channels).unwrap_or(0));
            kernels.conv2d(&job, Band { rows: 0..1, first_input_row: 0, ..band }, workspace);
        } else {
            kernels.conv2d(&job, band, workspace);
        }
    })
}
