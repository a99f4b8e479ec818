//! fully_connected in float32.

use super::Memory;
use super::conv2d_float32::accumulate;
use super::fully_connected::layout;
use super::parts::{parts, parts_mut};
use crate::error::Defect;
use crate::format::attributes::FullyConnected;
use crate::format::{FloatChannelBlock, FloatRow, LANES};
use crate::program::Operation;

pub(super) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
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
