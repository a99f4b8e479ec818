//! Packing 2 of weights, as `docs/format.md` specifies it: one record after the other, so that they can be written where they stay.

use bytemuck::Pod;
use dunlin_runtime::format::{FloatRow, LANES, WeightCell};

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
    /// Every block: its first output channel and the number of its channels.
    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        let per_group = self.channels / self.groups;
        (0..self.groups).flat_map(move |group| {
            (0..per_group)
                .step_by(LANES)
                .map(move |first| (group * per_group + first, (per_group - first).min(LANES)))
        })
    }
}

/// int8 weights \[channel\]\[row\]\[value\] in cells of 8 channels × 4 values, kernel rows padded to whole cells.
pub(super) fn cells(weights: &[i8], kernel: Kernel) -> impl Iterator<Item = WeightCell> {
    const VALUES: usize = 4;
    let cell = move |(first, count): (usize, usize), row: usize, value: usize| {
        let mut rows = [[0; VALUES]; LANES];
        for (lane, weights_of_lane) in rows.iter_mut().enumerate().take(count) {
            let start = ((first + lane) * kernel.rows + row) * kernel.row;
            let inside = &weights[start + value..start + kernel.row.min(value + VALUES)];
            weights_of_lane[..inside.len()].copy_from_slice(inside);
        }
        WeightCell::from_rows(&rows)
    };
    kernel.blocks().flat_map(move |block| {
        (0..kernel.rows)
            .flat_map(move |row| (0..kernel.row).step_by(VALUES).map(move |value| cell(block, row, value)))
    })
}

/// float32 weights \[channel\]\[row\]\[value\]: for each block and value the weights of 8 channels.
pub(super) fn rows_float32(weights: &[f32], kernel: Kernel) -> impl Iterator<Item = FloatRow> {
    let length = kernel.rows * kernel.row;
    kernel.blocks().flat_map(move |(first, count)| {
        (0..length).map(move |value| {
            let weight = |lane| weights[(first + lane) * length + value];
            std::array::from_fn(|lane| if lane < count { weight(lane) } else { 0.0 })
        })
    })
}

/// Depthwise weights \[tap\]\[channel\]: for each block of 8 channels a line for each tap.
pub(super) fn lines<T: Pod>(weights: &[T], channels: usize) -> impl Iterator<Item = [T; LANES]> {
    (0..channels).step_by(LANES).flat_map(move |first| {
        weights.chunks_exact(channels).map(move |tap| {
            let weight = |lane| tap.get(first + lane).copied();
            std::array::from_fn(|lane| weight(lane).unwrap_or_else(T::zeroed))
        })
    })
}
