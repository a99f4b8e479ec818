//! fully_connected: matrix times vector, over all leading dimensions.

use super::arch::needs::{self, Needs};
use super::arch::{self, Dense, Rounding, Workspace};
use super::convolution::{quantization, verify_channels, verify_offsets};
use super::parts::{parts, parts_mut};
use super::{Memory, fully_connected_float32};
use crate::error::Defect;
use crate::family::Family;
use crate::feature::Features;
use crate::format::attributes::FullyConnected;
use crate::format::{DataType, FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

/// Values of a vector, outputs of a vector, blocks of 8 outputs.
pub(super) struct Layout {
    pub inputs: usize,
    pub outputs: usize,
    pub blocks: usize,
}

pub(super) fn layout(operation: &Operation<'_>) -> Layout {
    let [_, _, _, inputs] = operation.first_input().dims;
    let [_, _, _, outputs] = operation.output().dims;
    let outputs = outputs as usize;
    Layout { inputs: inputs as usize, outputs, blocks: outputs.div_ceil(LANES) }
}

/// What the kernels of `family` need.
pub(crate) fn needs(operation: &Operation<'_>, family: Family) -> Result<Needs, Defect> {
    if !operation.output().is(DataType::Int8) {
        return Ok(Needs::default());
    }
    let layout = layout(operation);
    needs::fully_connected(family, layout.inputs, layout.outputs).ok_or(Defect::Shapes)
}

pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    operation.require_elements(1)?;
    operation.require_arena()?;
    operation.require_placement(false)?;
    verify_offsets(attributes.weights_offset, attributes.channels_offset)?;
    let ([n, h, w, _], [out_n, out_h, out_w, _]) = (operation.first_input().dims, operation.output().dims);
    if (n ^ out_n) | (h ^ out_h) | (w ^ out_w) != 0 {
        return Err(Defect::Shapes);
    }
    if operation.is_float32() {
        let layout = layout(operation);
        let rows = layout.blocks.checked_mul(layout.inputs).ok_or(Defect::Shapes)?;
        operation.weights::<FloatRow>(attributes.weights_offset, rows)?;
        operation.weights::<FloatChannelBlock>(attributes.channels_offset, layout.blocks)?;
        return Ok(());
    }
    let job = job(operation);
    let job = job.as_ref().map_err(|defect| *defect)?;
    arch::dsp::features::fully_connected(job).require_built()?;
    verify_channels(job.channels)
}

fn job<'a>(operation: &Operation<'a>) -> Result<Dense<'a>, Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    let Layout { inputs, outputs, blocks } = layout(operation);
    let cells = blocks.saturating_mul(inputs.div_ceil(4));
    Ok(Dense {
        weights: operation.weights(attributes.weights_offset, cells)?,
        channels: operation.weights(attributes.channels_offset, blocks)?,
        inputs,
        outputs,
        quantization: quantization(operation, Rounding::Once, &attributes.clamp),
    })
}

/// What it needs of the parts that an image may leave out.
pub(crate) fn features(operation: &Operation<'_>) -> Result<Features, Defect> {
    Ok(arch::dsp::features::fully_connected(&job(operation)?))
}

pub(crate) fn prepare(operation: &Operation<'_>, family: Family, prepared: &mut [u8]) -> Result<(), Defect> {
    if operation.output().is(DataType::Int8) {
        arch::kernels(family).prepare_fully_connected(&job(operation)?, prepared);
    }
    Ok(())
}

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    if operation.is_float32() {
        return fully_connected_float32::execute(operation, memory, family);
    }
    execute_int8(operation, memory, family)
}

#[inline(never)]
fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let job = job(operation);
    let job = job.as_ref().map_err(|defect| *defect)?;
    let kernels = arch::kernels(family);
    let prepared = memory.prepared();
    let memory = memory.variables(operation.first_input(), operation.output())?;
    let vectors = parts(memory.input, job.inputs).zip(parts_mut(memory.output, job.outputs));
    for (input, output) in vectors {
        kernels.fully_connected(job, input, output, Workspace { scratch: &mut *memory.scratch, prepared });
    }
    Ok(())
}
