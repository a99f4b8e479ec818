//! average_pool2d: the average of a window.

use super::{Memory, pool};
use crate::error::Defect;
use crate::format::attributes::Pool;
use crate::program::Operation;

pub(crate) fn execute(operation: &Operation<'_>, memory: &mut Memory<'_>) -> Result<(), Defect> {
    let attributes: &Pool = operation.attributes()?;
    let (input, output) = (operation.first_input(), operation.output());
    let channels = output.dims[3] as usize;
    let whole = attributes.kernel_h.saturating_mul(attributes.kernel_w);
    let count_padding = attributes.count_padding == 1;
    if operation.is_float32() {
        let memory = memory.separate::<f32, f32>(input, output)?;
        let (low, high) = attributes.clamp.as_float32();
        pool::for_each_window(operation, attributes, &mut |window| {
            let count = if count_padding { whole } else { window.inside };
            let pixel = memory.output.get_mut(window.output..).unwrap_or_default();
            for (channel, output) in pixel.iter_mut().take(channels).enumerate() {
                let values =
                    window.elements(channel).map(|index| memory.input.get(index).copied().unwrap_or(0.0));
                *output = (values.sum::<f32>() / count as f32).max(low).min(high);
            }
        });
        return Ok(());
    }
    let memory = memory.variables(input, output)?;
    let (low, high) = attributes.clamp.as_int8();
    pool::for_each_window(operation, attributes, &mut |window| {
        let outside = if count_padding { whole.wrapping_sub(window.inside) } else { 0 };
        let count = (window.inside.wrapping_add(outside) as i32).max(1);
        let padding = (outside as i32).wrapping_mul(input.zero_point);
        let pixel = memory.output.get_mut(window.output..).unwrap_or_default();
        let pixel = pixel.get_mut(..channels).unwrap_or_default();
        let some = pixel.chunks_mut(pool::CHANNELS_AT_ONCE);
        for (channel, outputs) in (0..channels).step_by(pool::CHANNELS_AT_ONCE).zip(some) {
            let sums = window.sum(memory.input, channel, padding);
            for (output, sum) in outputs.iter_mut().zip(sums) {
                let half = if sum > 0 { count / 2 } else { -(count / 2) };
                *output = sum.wrapping_add(half).wrapping_div(count).max(low).min(high) as i8;
            }
        }
    });
    Ok(())
}
