//! fully_connected: matrix times vector, over all leading dimensions.

use super::arch::needs::{self, Needs};
use super::arch::{self, Dense, OutputQuantization, Rounding, Workspace};
use super::convolution::{verify_channels, verify_offsets};
use super::parts::{parts, parts_mut};
use super::{Memory, fully_connected_float32};
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes::FullyConnected;
use crate::format::{ChannelBlock, DataType, FloatChannelBlock, FloatRow, LANES, WeightCell};
use crate::program::Operation;

/// Values of a vector, outputs of a vector, blocks of 8 outputs.
pub(super) struct Layout {
    pub inputs: usize,
    pub outputs: usize,
    pub blocks: usize,
}

pub(super) fn layout(operation: &Operation<'_>) -> Result<Layout, Defect> {
    let (input, output) = (operation.input(0)?.dims, operation.output().dims);
    let [n, h, w, c] = input;
    if [n, h, w] != [output[0], output[1], output[2]] {
        return Err(Defect::Shapes);
    }
    let outputs = output[3] as usize;
    Ok(Layout { inputs: c as usize, outputs, blocks: outputs.div_ceil(LANES) })
}

impl Layout {
    fn cells(&self) -> Result<usize, Defect> {
        self.blocks.checked_mul(self.inputs.div_ceil(4)).ok_or(Defect::Shapes)
    }
}

/// What the kernels of `family` need.
pub(crate) fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    if operation.data_type()? != DataType::Int8 {
        return Ok(Needs::default());
    }
    let layout = layout(operation)?;
    needs::fully_connected(family, layout.inputs, layout.outputs).ok_or(Defect::Shapes)
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    operation.require(1, operation.data_type()?)?;
    operation.require_placement(false)?;
    operation.require_variable(0)?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let layout = layout(operation)?;
    match operation.data_type()? {
        DataType::Int8 => {
            operation.weights::<WeightCell>(attributes.weights_offset, layout.cells()?)?;
            verify_channels(operation, attributes.channels_offset, layout.blocks)
        }
        DataType::Float32 => {
            let rows = layout.blocks.checked_mul(layout.inputs).ok_or(Defect::Shapes)?;
            operation.weights::<FloatRow>(attributes.weights_offset, rows)?;
            operation.weights::<FloatChannelBlock>(attributes.channels_offset, layout.blocks).map(|_| ())
        }
        DataType::Int32 => Err(Defect::DataTypes),
    }
}

fn job<'a>(operation: &Operation<'a>) -> Result<Dense<'a>, Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    let layout = layout(operation)?;
    let (low, high) = attributes.clamp.as_int8();
    Ok(Dense {
        weights: operation.weights(attributes.weights_offset, layout.cells()?)?,
        channels: operation.weights::<ChannelBlock>(attributes.channels_offset, layout.blocks)?,
        inputs: layout.inputs,
        outputs: layout.outputs,
        quantization: OutputQuantization {
            rounding: Rounding::Once,
            input_zero_point: operation.input(0)?.zero_point,
            output_zero_point: operation.output().zero_point,
            low,
            high,
        },
    })
}

pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    if operation.data_type()? == DataType::Int8 {
        arch::kernels(family).prepare_fully_connected(&job(operation)?, prepared);
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
        _ if operation.is_float32() => fully_connected_float32::execute(operation, memory, family),
        _ => Err(Defect::DataTypes),
    }
}

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let job = job(operation)?;
    let kernels = arch::kernels(family);
    let prepared = memory.prepared();
    let memory = memory.separate::<i8, i8>(operation.input(0)?, operation.output())?;
    let vectors = parts(memory.input, job.inputs).zip(parts_mut(memory.output, job.outputs));
    for (input, output) in vectors {
        kernels.fully_connected(&job, input, output, Workspace { scratch: &mut *memory.scratch, prepared });
    }
    Ok(())
}
