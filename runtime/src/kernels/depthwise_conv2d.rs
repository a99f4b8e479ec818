//! depthwise_conv2d: convolution of each channel with its own kernel.

use super::arch::needs::{self, Needs};
use super::arch::{self, Depthwise};
use super::bands::{Bands, Overlap};
use super::convolution::{self, verify_channels, verify_geometry, verify_offsets};
use super::{Memory, depthwise_conv2d_float32};
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes::Convolution;
use crate::format::{ChannelBlock, DataType, FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

/// Output rows that are computed at once when input and output share memory: a microcontroller widens input rows and weights anew
/// for every band.
const ROWS_AT_ONCE: usize = 2;

/// Number of blocks of 8 channels, and of weight lines in all of them.
pub(super) fn blocks(operation: &Operation<'_>) -> Result<(usize, usize), Defect> {
    let shape = convolution::shape(operation)?;
    let blocks = shape.output[2].div_ceil(LANES);
    Ok((blocks, blocks.checked_mul(shape.taps()).ok_or(Defect::Shapes)?))
}

/// What the kernels of `family` need.
pub(crate) fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    if operation.data_type()? != DataType::Int8 {
        return Ok(Needs::default());
    }
    let needs = needs::depthwise_conv2d(family, &convolution::shape(operation)?).ok_or(Defect::Shapes)?;
    convolution::with_copy(operation, family, needs)
}

/// The distances at which input and output may share memory.
pub(crate) fn overlap(operation: &Operation<'_>) -> Result<Option<Overlap>, Defect> {
    Ok(bands(operation)?.map(|bands| bands.overlap()))
}

fn bands(operation: &Operation<'_>) -> Result<Option<Bands>, Defect> {
    convolution::bands(operation, &convolution::shape(operation)?, ROWS_AT_ONCE)
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Convolution = operation.attributes()?;
    verify_geometry(operation, attributes)?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let channels = operation.input(0)?.dims[3];
    if channels != operation.output().dims[3] || attributes.groups != channels {
        return Err(Defect::Shapes);
    }
    let (blocks, lines) = blocks(operation)?;
    match operation.data_type()? {
        DataType::Int8 => {
            if operation.shares_memory()? {
                convolution::verify_overlap(operation, overlap(operation)?)?;
            }
            operation.weights::<[i8; LANES]>(attributes.weights_offset, lines)?;
            verify_channels(operation, attributes.channels_offset, blocks)
        }
        DataType::Float32 => {
            operation.require_placement(false)?;
            operation.weights::<FloatRow>(attributes.weights_offset, lines)?;
            operation.weights::<FloatChannelBlock>(attributes.channels_offset, blocks).map(|_| ())
        }
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

fn job<'a>(operation: &Operation<'a>) -> Result<Depthwise<'a>, Defect> {
    let attributes: &Convolution = operation.attributes()?;
    let (blocks, lines) = blocks(operation)?;
    Ok(Depthwise {
        weights: operation.weights(attributes.weights_offset, lines)?,
        channels: operation.weights::<ChannelBlock>(attributes.channels_offset, blocks)?,
        shape: convolution::shape(operation)?,
        quantization: convolution::quantization(operation, attributes)?,
    })
}

pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    if operation.data_type()? == DataType::Int8 {
        arch::kernels(family).prepare_depthwise_conv2d(&job(operation)?, prepared);
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
        _ if operation.is_float32() => depthwise_conv2d_float32::execute(operation, memory, family),
        _ => Err(Defect::DataTypes),
    }
}

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let kernels = arch::kernels(family);
    let job = job(operation)?;
    convolution::for_each_part(operation, memory, family, bands(operation)?, &mut |band, workspace| {
        kernels.depthwise_conv2d(&job, band, workspace);
    })
}
