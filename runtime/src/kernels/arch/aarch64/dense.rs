//! fully_connected: one vector.

use super::multiply::Multiply;
use super::panel::{self, Panel, panels};
use super::requantize::{Bounds, Once, Scales, biases};
use super::walk::store;
use crate::format::WeightCell;
use crate::kernels::arch::{Dense, Workspace};

/// Fills the prepared memory: the panels.
pub(super) fn prepare<M: Multiply>(job: &Dense<'_>, prepared: &mut [u8]) {
    let cells = job.inputs.div_ceil(4);
    panel::write(prepared, job.outputs.div_ceil(8), cells, M::DENSE_BLOCKS, M::arrange, |block, index| {
        job.weights.get(block * cells + index).map_or([[0; 4]; 8], WeightCell::rows)
    });
}

/// Multiplies one vector.
///
/// # Safety
/// The processor has the instructions of the family.
#[target_feature(enable = "neon")]
pub(super) unsafe fn fully_connected<'a, M: Multiply>(
    job: &Dense<'_>,
    input: &'a [i8],
    output: &mut [i8],
    workspace: Workspace<'a>,
) -> Option<()> {
    let Workspace { scratch, prepared } = workspace;
    let cells = job.inputs.div_ceil(4);
    let input = input.get(..job.inputs)?;
    let vector = if input.len().is_multiple_of(4) {
        input
    } else {
        // The weights behind the last value are zero.
        let scratch: &mut [i8] = bytemuck::try_cast_slice_mut(scratch).ok()?;
        scratch.get_mut(..input.len())?.copy_from_slice(input);
        scratch.get(..cells.checked_mul(4)?)?
    };
    let bounds = Bounds::of_layer(&job.quantization);
    for panel in panels(bytemuck::cast_slice(prepared), job.channels, cells, M::DENSE_BLOCKS) {
        let outputs = output.get_mut(panel.first..)?;
        // SAFETY: the panel has `cells` cells, and the vector `4 · cells` values.
        unsafe {
            match panel.channels.len() {
                1 => multiply::<M, 2>(&panel, vector, cells, &bounds, outputs),
                2 => multiply::<M, 4>(&panel, vector, cells, &bounds, outputs),
                _ => multiply::<M, 8>(&panel, vector, cells, &bounds, outputs),
            }
        }
    }
    Some(())
}

/// # Safety
/// The panel has `cells` cells of `QUADS` quads and a block for each 2 quads, and the vector `4 · cells` values.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn multiply<M: Multiply, const QUADS: usize>(
    panel: &Panel<'_>,
    vector: &[i8],
    cells: usize,
    bounds: &Bounds,
    outputs: &mut [i8],
) {
    // SAFETY: as the caller promises.
    let [sums] = unsafe {
        let biases = biases::<QUADS>(panel.channels.as_ptr());
        M::multiply(panel.weights.as_ptr(), [vector.as_ptr()], &[0], cells, [biases])
    };
    let (fours, twos) = sums.as_chunks::<4>();
    let (mut channels, mut outputs) = (panel.channels, outputs);
    // SAFETY: four quads have two blocks, two have one; `outputs` is as long as it says.
    unsafe {
        for sums in fours {
            let values = Scales::<4>::of(channels.as_ptr()).outputs::<Once>(*sums, bounds);
            store(outputs.as_mut_ptr(), outputs.len().min(16), values);
            channels = channels.get(2..).unwrap_or_default();
            outputs = outputs.get_mut(16..).unwrap_or_default();
        }
        if let Some(sums) = twos.first_chunk::<2>() {
            let values = Scales::<2>::of(channels.as_ptr()).outputs::<Once>(*sums, bounds);
            store(outputs.as_mut_ptr(), outputs.len().min(8), values);
        }
    }
}
