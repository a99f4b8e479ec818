//! fully_connected: matrix times vector, over all leading dimensions.

use super::Memory;
use super::arch::{self, Gemm, OutputQuantization, Rounding};
use super::conv2d::accumulate;
use super::convolution::{verify_channels, verify_offsets};
use super::parts::{parts, parts_mut};
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes::FullyConnected;
use crate::format::{ChannelBlock, DataType, FloatChannelBlock, FloatRow, LANES, WeightCell};
use crate::program::Operation;

/// Vectors, values of a vector, outputs of a vector, blocks of 8 outputs.
struct Layout {
    vectors: usize,
    inputs: usize,
    outputs: usize,
    blocks: usize,
}

fn layout(operation: &Operation<'_>) -> Result<Layout, Defect> {
    let (input, output) = (operation.input(0)?.dims, operation.output().dims);
    let [n, h, w, c] = input;
    if [n, h, w] != [output[0], output[1], output[2]] {
        return Err(Defect::Shapes);
    }
    let vectors = n.checked_mul(h).and_then(|nh| nh.checked_mul(w)).ok_or(Defect::Shapes)?;
    let outputs = output[3] as usize;
    Ok(Layout { vectors: vectors as usize, inputs: c as usize, outputs, blocks: outputs.div_ceil(LANES) })
}

impl Layout {
    fn cells(&self) -> usize {
        self.inputs.div_ceil(4)
    }

    fn is_direct(&self) -> bool {
        self.inputs.is_multiple_of(4)
    }
}

pub(crate) fn scratch_bytes(operation: &Operation<'_>, _: Family) -> Result<u32, Defect> {
    let layout = layout(operation)?;
    let needs_scratch = operation.data_type()? == DataType::Int8 && !layout.is_direct();
    Ok(if needs_scratch { (layout.cells() as u32).checked_mul(4).ok_or(Defect::Shapes)? } else { 0 })
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
            let cells = layout.blocks.checked_mul(layout.cells()).ok_or(Defect::Shapes)?;
            operation.weights::<WeightCell>(attributes.weights_offset, cells)?;
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

pub(crate) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    match operation.data_type()? {
        DataType::Int8 => execute_int8(operation, memory, family),
        _ => execute_float32(operation, memory),
    }
}

fn execute_int8(operation: &Operation<'_>, memory: &mut Memory<'_>, family: Family) -> Result<(), Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    let layout = layout(operation)?;
    let (input, output) = (operation.input(0)?, operation.output());
    let (low, high) = attributes.clamp.as_int8();
    let cells = layout.blocks.checked_mul(layout.cells()).ok_or(Defect::Shapes)?;
    let memory = memory.separate::<i8, i8>(input, output)?;
    let job = Gemm {
        weights: operation.weights::<WeightCell>(attributes.weights_offset, cells)?,
        channels: operation.weights::<ChannelBlock>(attributes.channels_offset, layout.blocks)?,
        cells: layout.cells(),
        columns: memory.input,
        column_stride: layout.inputs,
        count: layout.vectors,
        output_channels: layout.outputs,
        output_stride: layout.outputs,
        quantization: OutputQuantization {
            rounding: Rounding::Once,
            input_zero_point: input.zero_point,
            output_zero_point: output.zero_point,
            low,
            high,
        },
    };
    let kernels = arch::kernels(family);
    if layout.is_direct() {
        kernels.gemm(&job, memory.output);
        return Ok(());
    }
    let scratch: &mut [i8] = bytemuck::try_cast_slice_mut(memory.scratch).map_err(|_| Defect::Scratch)?;
    let column_stride = job.cells.saturating_mul(4);
    let column = scratch.get_mut(..column_stride).ok_or(Defect::Scratch)?;
    column.fill(0);
    let vectors = parts(memory.input, layout.inputs);
    for (vector, outputs) in vectors.zip(parts_mut(memory.output, layout.outputs)) {
        for (value, source) in column.iter_mut().zip(vector) {
            *value = *source;
        }
        kernels.gemm(&Gemm { columns: column, column_stride, count: 1, ..job }, outputs);
    }
    Ok(())
}

fn execute_float32(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    let layout = layout(operation)?;
    let rows = layout.blocks.checked_mul(layout.inputs).ok_or(Defect::Shapes)?;
    let weights: &[FloatRow] = operation.weights(attributes.weights_offset, rows)?;
    let channels: &[FloatChannelBlock] = operation.weights(attributes.channels_offset, layout.blocks)?;
    let (low, high) = attributes.clamp.as_float32();
    let memory = memory.separate::<f32, f32>(operation.input(0)?, operation.output())?;
    let vectors = parts(memory.input, layout.inputs);
    for (vector, outputs) in vectors.zip(parts_mut(memory.output, layout.outputs)) {
        let blocks = weights.chunks_exact(layout.inputs.max(1)).zip(channels);
        for (outputs, (weights, channels)) in outputs.chunks_mut(LANES).zip(blocks) {
            let mut sums = [0f32; LANES];
            accumulate(&mut sums, weights, vector);
            for ((output, sum), bias) in outputs.iter_mut().zip(sums).zip(channels.bias) {
                *output = (sum + bias).max(low).min(high);
            }
        }
    }
    Ok(())
}
