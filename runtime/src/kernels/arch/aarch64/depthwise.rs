//! depthwise_conv2d with 16 channels at a time.
//!
//! As no weight is −128, two products of a channel fit 16 bits: SMULL, SMLAL, and one widening addition for both.

use core::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, vaddw_high_s16, vaddw_s16, vget_low_s8, vget_low_s16, vld1q_s8,
    vmlal_high_s8, vmlal_s8, vmull_high_s8, vmull_s8,
};

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
#[target_feature(enable = "neon")]
pub(super) fn depthwise_conv2d(job: &Depthwise<'_>, band: Band<'_>, workspace: Workspace<'_>) -> Option<()> {
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
        };
        // SAFETY: what all pixels see and what is written for them has been checked above.
        unsafe {
            if is_right {
                panel.run::<TwiceRight>(&pixels);
            } else {
                panel.run::<Twice>(&pixels);
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
}

impl Panel<'_> {
    /// # Safety
    /// 16 values from each offset of all pixels on can be read, and `lanes` values of as many outputs be written.
    #[target_feature(enable = "neon")]
    unsafe fn run<S: Scaling>(&self, pixels: &Pixels) {
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
                    // Weights and addresses stay in registers for all pixels.
                    let lines = lines.map(|line| vld1q_s8(line.as_ptr()));
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
}

/// The sums of 16 channels.
type Sums = [int32x4_t; 4];

/// Adds the products of any number of taps.
///
/// # Safety
/// 16 values from each of `offsets` on can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn all_taps(lines: &[[i8; CHANNELS]], pixel: *const i8, offsets: &[u32], mut sums: Sums) -> Sums {
    // SAFETY: as the caller promises.
    let value = |offset: u32| unsafe { vld1q_s8(pixel.add(offset as usize)) };
    // SAFETY: a line is 16 readable bytes.
    let weights = |line: &[i8; CHANNELS]| unsafe { vld1q_s8(line.as_ptr()) };
    let ((lines, last), (offsets, last_offset)) = (lines.as_chunks::<2>(), offsets.as_chunks::<2>());
    for ([first, second], offsets) in lines.iter().zip(offsets) {
        sums = two_taps([weights(first), weights(second)], offsets.map(value), sums);
    }
    if let ([line], [offset]) = (last, last_offset) {
        sums = one_tap(weights(line), value(*offset), sums);
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn two_taps(weights: [int8x16_t; 2], values: [int8x16_t; 2], sums: Sums) -> Sums {
    let [first, second] = weights;
    let [value, second_value] = values;
    let low = vmull_s8(vget_low_s8(first), vget_low_s8(value));
    let high = vmull_high_s8(first, value);
    widen(
        vmlal_s8(low, vget_low_s8(second), vget_low_s8(second_value)),
        vmlal_high_s8(high, second, second_value),
        sums,
    )
}

#[inline]
#[target_feature(enable = "neon")]
fn one_tap(weights: int8x16_t, values: int8x16_t, sums: Sums) -> Sums {
    widen(vmull_s8(vget_low_s8(weights), vget_low_s8(values)), vmull_high_s8(weights, values), sums)
}

#[inline]
#[target_feature(enable = "neon")]
fn widen(low: int16x8_t, high: int16x8_t, [a, b, c, d]: Sums) -> Sums {
    [
        vaddw_s16(a, vget_low_s16(low)),
        vaddw_high_s16(b, low),
        vaddw_s16(c, vget_low_s16(high)),
        vaddw_high_s16(d, high),
    ]
}
