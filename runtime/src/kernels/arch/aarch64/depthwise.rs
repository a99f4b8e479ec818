//! depthwise_conv2d with 16 channels at a time.

use core::arch::aarch64::vld1q_s8;

use super::all_taps::all_taps;
use super::depthwise_dot::{Channels, RowPair};
use super::image::Image;
use super::layout::Layout;
use super::nine_taps::nine_taps;
use super::requantize::{Bounds, Scales, Scaling, Twice, TwiceRight, all_right, biases};
use super::walk::store;
use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::{Band, Depthwise, Workspace};

/// Channels of a panel.
const CHANNELS: usize = 16;

/// Fills the prepared memory: offsets of the taps, then for each 16 channels a line for each tap.
pub(super) fn prepare(job: &Depthwise<'_>, prepared: &mut [u8]) {
    let Some(layout) = Layout::of_depthwise(&job.shape) else { return };
    let Some((table, weights)) = layout.table_bytes().and_then(|bytes| prepared.split_at_mut_checked(bytes))
    else {
        return;
    };
    for (entry, offset) in table.as_chunks_mut::<4>().0.iter_mut().zip(layout.offsets(&job.shape)) {
        *entry = (offset as u32).to_ne_bytes();
    }
    let taps = layout.segments;
    for (index, halves) in weights.as_chunks_mut::<LANES>().0.chunks_exact_mut(2).enumerate() {
        let (panel, tap) = (index / taps.max(1), index % taps.max(1));
        for (half, bytes) in halves.iter_mut().enumerate() {
            let line = job.weights.get((2 * panel + half) * taps + tap).copied().unwrap_or_default();
            *bytes = line.map(|weight| weight as u8);
        }
    }
}

/// Writes the rows of a band.
///
/// # Safety
/// If `DOT` says so, the processor has the dot product.
#[target_feature(enable = "neon")]
pub(super) unsafe fn depthwise_conv2d<const DOT: bool>(
    job: &Depthwise<'_>,
    band: Band<'_>,
    workspace: Workspace<'_>,
) -> Option<()> {
    let shape = &job.shape;
    let layout = Layout::of_depthwise(shape)?;
    let Workspace { scratch, prepared } = workspace;
    let image = Image::of(shape, &layout, &band, job.quantization.input_zero_point as i8, scratch)?;
    let Band { rows, output, .. } = band;
    let (table, weights) = prepared.split_at_checked(layout.table_bytes()?)?;
    let table: &[u32] = bytemuck::try_cast_slice(table).ok()?;
    let offsets = table.get(..layout.segments)?;
    let (lines, _) = bytemuck::cast_slice::<u8, i8>(weights).as_chunks::<CHANNELS>();
    let [_, width, channels] = shape.output;
    let rows = rows.len();
    // The last panel reads as far as if it had all its channels.
    let farthest =
        (*offsets.iter().max()? as usize).checked_add(channels.saturating_sub(1) / CHANNELS * CHANNELS)?;
    if !image.holds(rows, width, farthest, CHANNELS)
        || output.len() != rows.checked_mul(width)?.checked_mul(channels)?
    {
        return None;
    }
    let is_right = all_right(job.channels);
    let panels = lines.chunks_exact(offsets.len()).zip(job.channels.chunks(2));
    for (panel, (lines, blocks)) in panels.enumerate() {
        let first = panel * CHANNELS;
        let panel = Panel {
            lines,
            offsets,
            // Channels without a block are computed with zeros and not written.
            blocks: [0, 1].map(|index| blocks.get(index).copied().unwrap_or_default()),
            lanes: channels.saturating_sub(first).min(CHANNELS),
            bounds: Bounds::of_layer(&job.quantization),
        };
        let pixels = Pixels {
            // SAFETY: `farthest` includes the channels of all panels, and a pixel of the output has them.
            seen: unsafe { image.values.as_ptr().add(first) },
            // SAFETY: as above.
            output: unsafe { output.as_mut_ptr().add(first) },
            rows,
            width,
            channels,
            pixel_bytes: image.pixel_bytes,
            row_bytes: image.row_bytes,
            has_adjacent_windows: [shape.rows, shape.columns]
                .iter()
                .all(|window| window.kernel == 3 && window.stride == 1 && window.dilation == 1),
        };
        // SAFETY: what all pixels see and what is written for them has been checked above.
        unsafe {
            if is_right {
                panel.run::<TwiceRight, DOT>(&pixels);
            } else {
                panel.run::<Twice, DOT>(&pixels);
            }
        }
    }
    Some(())
}

/// Weights and requantization of 16 channels.
struct Panel<'a> {
    lines: &'a [[i8; CHANNELS]],
    offsets: &'a [u32],
    blocks: [ChannelBlock; 2],
    bounds: Bounds,
    /// Channels that exist.
    lanes: usize,
}

/// The pixels of an image.
struct Pixels {
    /// What the first one sees first.
    seen: *const i8,
    output: *mut i8,
    rows: usize,
    width: usize,
    /// Distance of outputs.
    channels: usize,
    /// Distances of what pixels see.
    pixel_bytes: usize,
    row_bytes: usize,
    /// Whether the kernel is 3 × 3, the pixel to the right sees two of the columns that a pixel sees, and the one below two of its rows.
    has_adjacent_windows: bool,
}

impl Panel<'_> {
    /// # Safety
    /// 16 values from each offset of all pixels on can be read, and `lanes` values of as many outputs be written. If `DOT` says so, the
    /// processor has the dot product.
    #[target_feature(enable = "neon")]
    unsafe fn run<S: Scaling, const DOT: bool>(&self, pixels: &Pixels) {
        let can_pair = DOT && S::IS_SMALL && pixels.has_adjacent_windows && self.lanes.is_multiple_of(LANES);
        if can_pair && let Some(lines) = self.lines.first_chunk::<9>() {
            for (half, block) in self.blocks.iter().enumerate().take(self.lanes / LANES) {
                let first = half * LANES;
                // SAFETY: as the caller promises. All shifts are below 0 where scaled sums are small; half of a line is 8 weights.
                unsafe { self.row_pairs(pixels, &Channels::of(lines, first, block, self.bounds), first) };
            }
            return;
        }
        // SAFETY: two blocks for four quads; memory is as the caller promises.
        unsafe {
            let biases = biases::<4>(self.blocks.as_ptr());
            let scales = Scales::<4>::of(self.blocks.as_ptr());
            let mut output = pixels.output;
            let mut write = |sums| {
                store(output, self.lanes, scales.outputs::<S>(sums, &self.bounds));
                output = output.wrapping_add(pixels.channels);
            };
            match (self.lines.first_chunk::<9>(), self.offsets.first_chunk::<9>()) {
                (Some(lines), Some(taps)) if self.offsets.len() == 9 => {
                    let lines = lines.map(|line| vld1q_s8(line.as_ptr()));
                    // Weights and addresses stay in registers for all pixels.
                    let taps = taps.map(|offset| pixels.seen.add(offset as usize));
                    for row in 0..pixels.rows {
                        let mut offset = row * pixels.row_bytes;
                        for _ in 0..pixels.width {
                            write(nine_taps(&lines, &taps, offset, biases));
                            offset += pixels.pixel_bytes;
                        }
                    }
                }
                _ => {
                    for row in 0..pixels.rows {
                        let mut seen = pixels.seen.add(row * pixels.row_bytes);
                        for _ in 0..pixels.width {
                            write(all_taps(self.lines, seen, self.offsets, biases));
                            seen = seen.wrapping_add(pixels.pixel_bytes);
                        }
                    }
                }
            }
        }
    }

    /// Computes 8 channels, of which `first` is the first one, with the dot product.
    ///
    /// # Safety
    /// As for [`Panel::run`], and as [`Channels::compute`] asks for.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn row_pairs(&self, pixels: &Pixels, channels: &Channels, first: usize) {
        let Some(&[first_row, _, _, second_row, _, _, third_row, _, _]) = self.offsets.first_chunk::<9>()
        else {
            return;
        };
        for row in (0..pixels.rows).step_by(2) {
            // SAFETY: the image has the rows that both rows of pixels see, and the output both of them. A last row without a partner is
            // computed with itself: what comes from the third row twice is written first, and then written over.
            unsafe {
                let seen = pixels.seen.add(row * pixels.row_bytes + first);
                let third = seen.add(third_row as usize);
                let upper = pixels.output.add(row * pixels.width * pixels.channels + first);
                let has_partner = row + 1 < pixels.rows;
                channels.compute(&RowPair {
                    rows: [
                        seen.add(first_row as usize),
                        seen.add(second_row as usize),
                        third,
                        if has_partner { third.add(pixels.row_bytes) } else { third },
                    ],
                    pixel_bytes: pixels.pixel_bytes,
                    outputs: [
                        upper,
                        if has_partner { upper.add(pixels.width * pixels.channels) } else { upper },
                    ],
                    output_bytes: pixels.channels,
                    width: pixels.width,
                });
            }
        }
    }
}
