//! Packing 2 of weights, as `docs/format.md` specifies it.

use bytemuck::Pod;
use dunlin_runtime::format::{LANES, WeightCell};

/// The extents of the weights of a convolution; a fully connected layer has one group and one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    pub groups: usize,
    /// Output channels of all groups.
    pub channels: usize,
    pub rows: usize,
    /// Values of a kernel row: columns · input channels of a group.
    pub row: usize,
}

impl Kernel {
    /// Calls `visit` for every block with its first output channel and the number of its channels.
    fn for_each_block(&self, mut visit: impl FnMut(usize, usize)) {
        let per_group = self.channels / self.groups;
        for group in 0..self.groups {
            for first in (0..per_group).step_by(LANES) {
                visit(group * per_group + first, (per_group - first).min(LANES));
            }
        }
    }
}

/// int8 weights \[channel\]\[row\]\[value\] in cells of 8 channels × 4 values, kernel rows padded to whole cells.
pub(super) fn cells(weights: &[i8], kernel: Kernel) -> Vec<u8> {
    const VALUES: usize = 4;
    let mut bytes = Vec::new();
    kernel.for_each_block(|first, count| {
        for row in 0..kernel.rows {
            for cell in (0..kernel.row).step_by(VALUES) {
                let mut rows = [[0; VALUES]; LANES];
                for (lane, weights_of_lane) in rows.iter_mut().enumerate().take(count) {
                    let start = ((first + lane) * kernel.rows + row) * kernel.row;
                    let inside = &weights[start + cell..start + kernel.row.min(cell + VALUES)];
                    weights_of_lane[..inside.len()].copy_from_slice(inside);
                }
                bytes.extend_from_slice(bytemuck::bytes_of(&WeightCell::from_rows(&rows)));
            }
        }
    });
    bytes
}

/// float32 weights \[channel\]\[row\]\[value\]: for each block and value the weights of 8 channels.
pub(super) fn rows_float32(weights: &[f32], kernel: Kernel) -> Vec<u8> {
    let length = kernel.rows * kernel.row;
    let mut blocks = 0;
    kernel.for_each_block(|_, _| blocks += 1);
    let mut bytes = Vec::with_capacity(blocks * length * LANES * size_of::<f32>());
    kernel.for_each_block(|first, count| {
        for value in 0..length {
            for lane in 0..LANES {
                let weight = if lane < count { weights[(first + lane) * length + value] } else { 0.0 };
                bytes.extend_from_slice(&weight.to_le_bytes());
            }
        }
    });
    bytes
}

/// Depthwise weights \[tap\]\[channel\]: for each block of 8 channels a line for each tap.
pub(super) fn lines<T: Pod>(weights: &[T], channels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for first in (0..channels).step_by(LANES) {
        for tap in weights.chunks_exact(channels) {
            for lane in first..first + LANES {
                let weight = tap.get(lane).copied().unwrap_or_else(T::zeroed);
                bytes.extend_from_slice(bytemuck::bytes_of(&weight));
            }
        }
    }
    bytes
}
