//! Convolutions: two output pixels at a time.

use super::copy::copy_few;
use super::gather::Gather;
use super::gemm::Tile;
use super::requantize::{NO_BIAS, clamp, requantize};
use crate::feature::Feature;
use crate::format::{ChannelBlock, WeightCell};
use crate::kernels::arch::{Band, Convolution, Sums};

/// Writes the rows of a band. `scratch` has 16 bytes for each cell of a group.
pub(super) fn conv2d(job: &Convolution<'_>, band: Band<'_>, scratch: &mut [u8]) {
    let shape = &job.shape;
    let [_, width, out_channels] = shape.output;
    let (cells, blocks, outputs) = (shape.cells(), shape.blocks(), shape.channels_out());
    let columns: &mut [[u32; 4]] = bytemuck::try_cast_slice_mut(scratch).unwrap_or_default();
    let Some(columns) = columns.get_mut(..cells) else { return };
    let pixels = band.rows.len().wrapping_mul(width);
    let fits = pixels.checked_mul(out_channels).is_some_and(|bytes| bytes <= band.output.len());
    // Blobs have weights at multiples of 16.
    let is_aligned = job.weights.as_ptr().cast::<u32>().is_aligned();
    if cells == 0 || outputs == 0 || width == 0 || !fits || !is_aligned {
        return;
    }
    let columns = columns.as_mut_ptr().cast::<u32>();
    let (mut weights_left, mut channels_left) = (job.weights, job.channels);
    let groups = if Feature::Conv2dDilationGroups.is_built() { shape.groups } else { 1 };
    for index in 0..groups {
        let parts = (
            weights_left.split_at_checked(blocks.wrapping_mul(cells)),
            channels_left.split_at_checked(blocks),
        );
        let (Some((weights, weights_behind)), Some((channels, channels_behind))) = parts else { return };
        (weights_left, channels_left) = (weights_behind, channels_behind);
        let gather = Gather::new(job, &band, index);
        let quads = if is_raw(job) { 0 } else { outputs / 4 };
        let zero_point = job.quantization.output_zero_point;
        let (first_weights, first_channels) = (weights.as_ptr(), channels.as_ptr());
        let tile = Tile::new(columns, cells, zero_point, job.sums, first_weights, first_channels, quads);
        let mut group = Group { columns, cells, weights, channels, outputs, quads, job, tile };
        let mut target = band.output.as_mut_ptr().wrapping_add(index.wrapping_mul(outputs));
        let mut partner = None;
        for y in band.rows.clone() {
            let rows = gather.rows(y);
            let mut x = 0;
            while x < width {
                let next = target.wrapping_add(out_channels);
                // SAFETY: `columns` has `cells` cells, and the band's output `outputs` channels of this group for every pixel, `fits`
                // says.
                unsafe {
                    if let Some(first) = partner {
                        gather.column(&rows, x, columns.wrapping_add(1));
                        group.multiply([first, target]);
                        partner = None;
                    } else if gather.pair(&rows, x, columns) {
                        group.multiply([target, next]);
                        x += 1;
                        target = next;
                    } else {
                        gather.column(&rows, x, columns);
                        partner = Some(target);
                    }
                }
                x += 1;
                target = target.wrapping_add(out_channels);
            }
        }
        if let Some(last) = partner {
            // SAFETY: as above. The last of an odd number of pixels is its own partner, whatever the second column holds.
            unsafe { group.multiply([last, last]) };
        }
    }
    clamp(&job.quantization, band.output);
}

/// Whether the sums are handed over unscaled.
fn is_raw(job: &Convolution<'_>) -> bool {
    Feature::AnyRequantization.is_built() && job.sums == Sums::Raw
}

/// Weights and channels of a group, and the columns to multiply them with.
struct Group<'a> {
    columns: *const u32,
    cells: usize,
    weights: &'a [WeightCell],
    channels: &'a [ChannelBlock],
    outputs: usize,
    /// Whole quads of channels that are scaled.
    quads: usize,
    job: &'a Convolution<'a>,
    /// The columns and those quads.
    tile: Tile,
}

impl Group<'_> {
    /// Multiplies both columns.
    ///
    /// # Safety
    ///
    /// The columns must be there; both targets must have room for all outputs; all of `outputs` must be in `channels`, and `cells` cells of
    /// weights for each block.
    #[inline(always)]
    unsafe fn multiply(&mut self, targets: [*mut i8; 2]) {
        if self.quads != 0 {
            // SAFETY: as the caller vouches for.
            unsafe { self.tile.multiply(targets) };
        }
        let can_be_left = Feature::AnyChannels.is_built() || Feature::AnyRequantization.is_built();
        if can_be_left && self.quads * 4 != self.outputs {
            // SAFETY: likewise.
            unsafe { self.multiply_rest(targets) };
        }
    }

    /// Multiplies the channels from a quad on that is not whole, or whose sums are raw.
    ///
    /// # Safety
    ///
    /// As for [`Group::multiply`].
    #[inline(never)]
    unsafe fn multiply_rest(&self, targets: [*mut i8; 2]) {
        let quantization = &self.job.quantization;
        let sums = self.job.sums;
        for quad in self.quads..self.outputs.div_ceil(4) {
            let (block, half) = (quad / 2, quad % 2);
            let Some(channels) = self.channels.get(block) else { return };
            let weights = self.weights.as_ptr().wrapping_add(block * self.cells).wrapping_byte_add(16 * half);
            let mut values = [[0i8; 4]; 2];
            let tile = |channels| {
                let zero_point = quantization.output_zero_point;
                Tile::new(self.columns, self.cells, zero_point, sums, weights, channels, 1)
            };
            if is_raw(self.job) {
                let mut raw = [[0i32; 4]; 2];
                // SAFETY: one quad of a block that is there; `raw` has room for eight sums.
                unsafe { tile(&NO_BIAS).multiply([raw.as_mut_ptr().cast(); 2]) };
                for (values, sums) in values.iter_mut().zip(raw) {
                    for (lane, (value, sum)) in values.iter_mut().zip(sums).enumerate() {
                        *value = requantize(quantization, sum, channels, 4 * half + lane);
                    }
                }
            } else {
                let channels = core::ptr::from_ref(channels).wrapping_byte_add(16 * half);
                let [first, second] = values.each_mut().map(|values| values.as_mut_ptr());
                // SAFETY: one quad of a block that is there.
                unsafe { tile(channels).multiply([first, second]) };
            }
            // The last pixel may be its own partner, whose second column is not filled: so its first one is written last.
            let ([first, second], [of_first, of_second]) = (targets, values);
            let lanes = (self.outputs - 4 * quad).min(4);
            for (target, values) in [(second, of_second), (first, of_first)] {
                // SAFETY: the channels from `4 · quad` on are as many as `lanes`.
                unsafe { copy_few(values.as_ptr(), target.add(4 * quad), lanes) };
            }
        }
    }
}
