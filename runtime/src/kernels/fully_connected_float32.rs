//! fully_connected in float32.

use super::Memory;
use super::arch::float32::{self, Bounds, Dense};
use super::fully_connected::layout;
use crate::error::Defect;
use crate::family::Family;
use crate::format::attributes::FullyConnected;
use crate::format::{FloatChannelBlock, FloatRow};
use crate::program::Operation;

#[inline(never)]
pub(super) fn execute(
    operation: &Operation<'_>,
    memory: &mut Memory<'_>,
    family: Family,
) -> Result<(), Defect> {
    let attributes: &FullyConnected = operation.attributes()?;
    let layout = layout(operation);
    let rows = layout.blocks.checked_mul(layout.inputs).ok_or(Defect::Shapes)?;
    let (low, high) = attributes.clamp.as_float32();
    let job = Dense {
        weights: operation.weights::<FloatRow>(attributes.weights_offset, rows)?,
        channels: operation.weights::<FloatChannelBlock>(attributes.channels_offset, layout.blocks)?,
        inputs: layout.inputs,
        outputs: layout.outputs,
        bounds: Bounds { low, high },
    };
    let memory = memory.separate::<f32, f32>(operation.input(0)?, operation.output())?;
    float32::fully_connected(family, &job, memory.input, memory.output);
    Ok(())
}
