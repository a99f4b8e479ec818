//! max_pool2d: the largest element of a window.

use super::{Memory, pool};
use crate::error::Defect;
use crate::format::attributes::Pool;
use crate::program::Operation;

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Pool = operation.attributes()?;
    let (input, output) = (operation.first_input(), operation.output());
    let channels = output.dims[3] as usize;
    if operation.is_float32() {
        let memory = memory.separate::<f32, f32>(input, output)?;
        let (low, high) = attributes.clamp.as_float32();
        pool::for_each_window(operation, attributes, &mut |window| {
            let pixel = memory.output.get_mut(window.output..).unwrap_or_default();
            for (channel, output) in pixel.iter_mut().take(channels).enumerate() {
                let values =
                    window.elements(channel).map(|index| memory.input.get(index).copied().unwrap_or(0.0));
                *output = values.fold(f32::NEG_INFINITY, f32::max).max(low).min(high);
            }
        });
        return Ok(());
    }
    let memory = memory.variables(input, output)?;
    let (low, high) = attributes.clamp.as_int8();
    pool::for_each_window(operation, attributes, &mut |window| {
        let pixel = memory.output.get_mut(window.output..).unwrap_or_default();
        let pixel = pixel.get_mut(..channels).unwrap_or_default();
        let some = pixel.chunks_mut(pool::CHANNELS_AT_ONCE);
        for (channel, outputs) in (0..channels).step_by(pool::CHANNELS_AT_ONCE).zip(some) {
            let largest = window.fold(memory.input, channel, i8::MIN.into(), i32::max);
            for (output, largest) in outputs.iter_mut().zip(largest) {
                *output = largest.max(low).min(high) as i8;
            }
        }
    });
    Ok(())
}
