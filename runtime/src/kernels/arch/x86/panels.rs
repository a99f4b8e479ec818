//! Weights of convolutions and fully connected layers, brought from the packing of the blob into vectors.

use super::super::{Convolution, Dense};
use super::constants::Reach;
use super::layout::{CONSTANTS, Layout, Vectors};
use super::prepared::{Preparation, groups};
use crate::format::{LANES, WeightCell};

/// Decodes `cells` of a block of 8 channels and hands each weight to `put`, with its channel in the block and its K
/// in the packing of the blob.
fn for_each_weight(cells: &[WeightCell], mut put: impl FnMut(usize, usize, i8)) {
    for (cell, weights) in cells.iter().enumerate() {
        for (channel, row) in weights.rows().iter().enumerate() {
            for (k, &weight) in row.iter().enumerate() {
                put(channel, cell * 4 + k, weight);
            }
        }
    }
}

/// Where vectors of weights of one group of channels lie.
struct Panels<'a> {
    vectors: Vectors,
    /// Vectors of channels that are multiplied at once.
    panels: usize,
    at_once: usize,
    /// Words of K.
    depth: usize,
    weights: &'a mut [u8],
}

impl Panels<'_> {
    /// Stores the weights of a block of 8 channels. `place` says for a K in the packing of the blob which word it
    /// belongs to, and which value of the word it is.
    fn put(&mut self, block: usize, cells: &[WeightCell], place: impl Fn(usize) -> Option<(usize, usize)>) {
        let Vectors { lanes, values, .. } = self.vectors;
        let (panel, lane) = (block * LANES / lanes, block * LANES % lanes);
        let mut groups = groups(self.panels, self.at_once);
        let Some((first, count)) = groups.find(|(first, count)| (*first..first + count).contains(&panel))
        else {
            return;
        };
        let weight_bytes = self.vectors.weight_bytes;
        let start = ((first * self.depth + panel - first) * lanes + lane) * values * weight_bytes;
        for_each_weight(cells, |channel, k, weight| {
            let Some((word, value)) = place(k) else { return };
            let vector = start + word * count * self.vectors.bytes();
            let start = vector + (channel * values + value) * weight_bytes;
            let bytes = self.weights.get_mut(start..start + weight_bytes).unwrap_or_default();
            for (byte, source) in bytes.iter_mut().zip(i16::from(weight).to_le_bytes()) {
                *byte = source;
            }
        });
    }
}

/// Prepares a convolution. `raised` as in [`Reach`].
pub(super) fn prepare_convolution(
    vectors: Vectors,
    raised: i32,
    job: &Convolution<'_>,
    memory: &mut [u8],
) -> Option<()> {
    let shape = &job.shape;
    let layout = Layout::of(vectors, shape)?;
    let depth = layout.depth()?;
    let prepared = Preparation::of(vectors, layout.panels * shape.groups, depth, memory)?;
    prepared.weights.fill(0);
    let row_values = (shape.row_cells() * 4).max(1);
    let (blocks, lanes) = (shape.blocks(), vectors.lanes);
    let groups = prepared.weights.chunks_exact_mut((layout.panels * depth * vectors.bytes()).max(1));
    for (weights, cells) in groups.zip(job.weights.chunks_exact((blocks * shape.cells()).max(1))) {
        let mut panels = Panels { vectors, panels: layout.panels, at_once: layout.at_once, depth, weights };
        for (block, cells) in cells.chunks_exact(shape.cells().max(1)).enumerate() {
            panels.put(block, cells, |k| {
                let (row, k) = (k / row_values, k % row_values);
                let (tap, value) = (k / layout.tap_values.max(1), k % layout.tap_values.max(1));
                let word = (row * layout.taps + tap) * layout.words + value / vectors.values;
                (tap < layout.taps).then_some((word, value % vectors.values))
            });
        }
    }
    let reach = Reach { products: shape.taps().checked_mul(shape.channels_in())?, raised };
    let mut is_fast = true;
    let constants = prepared.constants.chunks_exact_mut(CONSTANTS * lanes);
    for (index, constants) in constants.enumerate() {
        let (group, panel) = (index / layout.panels, index % layout.panels);
        is_fast &= reach.write(lanes, constants, job.channels, &job.quantization, |lane| {
            let channel = panel * lanes + lane;
            (channel < shape.channels_out()).then_some((group * blocks + channel / LANES, channel % LANES))
        });
    }
    prepared.header.write(is_fast);
    Some(())
}

/// Prepares a fully connected layer. `raised` as in [`Reach`].
pub(super) fn prepare_dense(vectors: Vectors, raised: i32, job: &Dense<'_>, memory: &mut [u8]) -> Option<()> {
    let lanes = vectors.lanes;
    let panels = job.outputs.div_ceil(lanes);
    let depth = job.inputs.div_ceil(vectors.values);
    let prepared = Preparation::of(vectors, panels, depth, memory)?;
    prepared.weights.fill(0);
    let mut target = Panels { vectors, panels, at_once: vectors.dense, depth, weights: prepared.weights };
    for (block, cells) in job.weights.chunks_exact(job.inputs.div_ceil(4).max(1)).enumerate() {
        target.put(block, cells, |k| (k < job.inputs).then_some((k / vectors.values, k % vectors.values)));
    }
    let reach = Reach { products: job.inputs, raised };
    let mut is_fast = true;
    for (panel, constants) in prepared.constants.chunks_exact_mut(CONSTANTS * lanes).enumerate() {
        is_fast &= reach.write(lanes, constants, job.channels, &job.quantization, |lane| {
            let channel = panel * lanes + lane;
            (channel < job.outputs).then_some((channel / LANES, channel % LANES))
        });
    }
    prepared.header.write(is_fast);
    Some(())
}
