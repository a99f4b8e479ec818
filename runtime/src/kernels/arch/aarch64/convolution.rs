//! conv2d: the walk over panels of channels and tiles of four pixels.
//!
//! All pixels are multiplied with one panel before the next one, so that its weights (9 KB for 3 × 3 × 64 channels) stay in the first-level
//! cache of 32 KB, beside the rows of the image that a tile sees.

use core::arch::aarch64::{int8x16_t, vdupq_n_s8};

use super::image::Image;
use super::layout::Layout;
use super::multiply::Multiply;
use super::panel::{self, Panel, panels};
use super::requantize::{Bounds, Scales, Scaling, Twice, TwiceRight, all_right, biases};
use super::walk::{Outputs, Walk};
use crate::kernels::arch::{Band, Convolution, Workspace};
use crate::kernels::parts::{parts, parts_mut};

/// Blocks of 8 channels of a panel: the sums of 16 channels and four pixels take 16 registers and leave as many for operands.
const BLOCKS: usize = 2;

/// Fills the prepared memory: offsets of the segments, then the panels of all groups.
pub(super) fn prepare<M: Multiply>(job: &Convolution<'_>, prepared: &mut [u8]) {
    let shape = &job.shape;
    let Some(layout) = Layout::of(shape) else { return };
    let Some((table, weights)) = layout.table_bytes().and_then(|bytes| prepared.split_at_mut_checked(bytes))
    else {
        return;
    };
    for (entry, offset) in table.as_chunks_mut::<4>().0.iter_mut().zip(layout.offsets(shape)) {
        *entry = (offset as u32).to_ne_bytes();
    }
    let cells = layout.segments.saturating_mul(layout.cells);
    let group_bytes = shape.blocks().saturating_mul(cells).saturating_mul(32);
    let groups = parts(job.weights, shape.blocks().saturating_mul(shape.cells()));
    for (source, prepared) in groups.zip(parts_mut(weights, group_bytes)) {
        panel::write(prepared, shape.blocks(), cells, BLOCKS, M::arrange, |block, index| {
            let of_block = source.get(block * shape.cells()..).unwrap_or_default();
            panel::segment_cell(of_block, shape, &layout, index)
        });
    }
}

/// Writes the rows of a band.
///
/// # Safety
/// The processor has the instructions of the family.
#[target_feature(enable = "neon")]
pub(super) unsafe fn conv2d<M: Multiply>(
    job: &Convolution<'_>,
    band: Band<'_>,
    workspace: Workspace<'_>,
) -> Option<()> {
    let shape = &job.shape;
    let layout = Layout::of(shape)?;
    let Workspace { scratch, prepared } = workspace;
    let image = Image::of(shape, &layout, &band, job.quantization.input_zero_point as i8, scratch)?;
    let Band { rows, output, .. } = band;
    let (table, weights) = prepared.split_at_checked(layout.table_bytes()?)?;
    let table: &[u32] = bytemuck::try_cast_slice(table).ok()?;
    let offsets = table.get(..layout.segments)?;
    let weights: &[i8] = bytemuck::cast_slice(weights);
    let cells = layout.segments.checked_mul(layout.cells)?;
    let [_, width, channels_out] = shape.output;
    let (rows, last_group) = (rows.len(), shape.input[2].checked_sub(shape.channels_in())?);
    let farthest = (*offsets.iter().max()? as usize).checked_add(last_group)?;
    let pixels = rows.checked_mul(width)?;
    // Every read and every write below lies inside of what is checked here.
    if !image.holds(rows, width, farthest, layout.cells.checked_mul(4)?)
        || output.len() != pixels.checked_mul(channels_out)?
    {
        return None;
    }
    let bounds = Bounds::of_layer(&job.quantization);
    let is_right = all_right(job.channels);
    let group_bytes = shape.blocks().checked_mul(cells)?.checked_mul(32)?;
    let groups = parts(weights, group_bytes).zip(parts(job.channels, shape.blocks())).take(shape.groups);
    for (group, (weights, channels)) in groups.enumerate() {
        for panel in panels(weights, channels, cells, BLOCKS) {
            let first = group * shape.channels_out() + panel.first;
            let walk = Walk {
                // SAFETY: `farthest` includes the channels of all groups.
                next: unsafe { image.values.as_ptr().add(group * shape.channels_in()) },
                left_in_row: width,
                width,
                pixel_bytes: image.pixel_bytes,
                row_skip: image.row_bytes.wrapping_sub(image.pixel_bytes.wrapping_mul(width)),
            };
            let outputs = Outputs {
                // SAFETY: a pixel of the output has the channels of all panels of all groups.
                next: unsafe { output.as_mut_ptr().add(first) },
                pixel_bytes: channels_out,
                lanes: (shape.channels_out() - panel.first).min(8 * panel.channels.len()),
            };
            let product = Product { panel, offsets, cells: layout.cells, bounds };
            // SAFETY: the walk has `pixels` pixels, whose segments the image holds, and the output as many.
            unsafe {
                match (product.panel.channels.len(), is_right) {
                    (1, true) => product.run::<M, TwiceRight, 2>(walk, outputs, pixels),
                    (1, false) => product.run::<M, Twice, 2>(walk, outputs, pixels),
                    (_, true) => product.run::<M, TwiceRight, 4>(walk, outputs, pixels),
                    (_, false) => product.run::<M, Twice, 4>(walk, outputs, pixels),
                }
            }
        }
    }
    Some(())
}

/// A panel and what it is multiplied with.
struct Product<'a> {
    panel: Panel<'a>,
    offsets: &'a [u32],
    cells: usize,
    bounds: Bounds,
}

impl Product<'_> {
    /// # Safety
    /// `walk` and `outputs` have `pixels` pixels, and `QUADS` is 2 for each block of the panel.
    #[target_feature(enable = "neon")]
    unsafe fn run<M: Multiply, S: Scaling, const QUADS: usize>(
        &self,
        walk: Walk,
        outputs: Outputs,
        pixels: usize,
    ) {
        let (mut walk, mut outputs) = (walk, outputs);
        let mut left = pixels;
        while left > 1 {
            let first = walk.next();
            // Pixels that fill up the last tile are the first one of it again.
            let columns = [
                first,
                walk.next_or(first, left > 1),
                walk.next_or(first, left > 2),
                walk.next_or(first, left > 3),
            ];
            let count = left.min(4);
            // SAFETY: as the caller promises.
            unsafe { outputs.write(self.tile::<M, S, 4, QUADS>(columns), count) };
            left -= count;
        }
        if left == 1 {
            // SAFETY: as the caller promises.
            unsafe { outputs.write(self.tile::<M, S, 1, QUADS>([walk.next()]), 1) };
        }
    }

    /// # Safety
    /// The columns hold all segments, and the panel has a block for each 2 quads.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn tile<M: Multiply, S: Scaling, const COLUMNS: usize, const QUADS: usize>(
        &self,
        columns: [*const i8; COLUMNS],
    ) -> [int8x16_t; COLUMNS] {
        let (weights, channels) = (self.panel.weights.as_ptr(), self.panel.channels.as_ptr());
        let mut outputs = [vdupq_n_s8(0); COLUMNS];
        // SAFETY: a panel has as many weights as its cells; columns and channels are the caller's promise.
        unsafe {
            let biases = biases::<QUADS>(channels);
            let sums = M::multiply(weights, columns, self.offsets, self.cells, [biases; COLUMNS]);
            let scales = Scales::<QUADS>::of(channels);
            for (outputs, sums) in outputs.iter_mut().zip(sums) {
                *outputs = scales.outputs::<S>(sums, &self.bounds);
            }
        }
        outputs
    }
}
