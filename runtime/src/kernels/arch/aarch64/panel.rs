//! The order in which weights are multiplied: panels of channels, wide ones first.
//!
//! A panel holds its cells one after the other. A cell has a vector of 16 bytes for each *quad*, four channels of four values of K,
//! in the order in which the family multiplies them.

use super::layout::Layout;
use crate::format::{ChannelBlock, WeightCell};
use crate::kernels::arch::ConvolutionShape;

/// Weights of four channels for four values of K.
pub(super) type Quad = [[i8; 4]; 4];

/// Some channels whose weights lie together.
pub(super) struct Panel<'a> {
    /// `16 · quads` bytes for each cell.
    pub weights: &'a [i8],
    /// A block for each two quads.
    pub channels: &'a [ChannelBlock],
    /// First channel of the panel.
    pub first: usize,
}

/// Blocks of the next panel if `left` are left, at most `most`, which is a power of two.
fn width(left: usize, most: usize) -> usize {
    let mut width = most.max(1);
    while width > left.max(1) {
        width /= 2;
    }
    width
}

/// The panels of a group: at most `most` blocks wide.
pub(super) fn panels<'a>(
    mut weights: &'a [i8],
    mut channels: &'a [ChannelBlock],
    cells: usize,
    most: usize,
) -> impl Iterator<Item = Panel<'a>> {
    let mut first = 0;
    core::iter::from_fn(move || {
        if channels.is_empty() {
            return None;
        }
        let blocks = width(channels.len(), most);
        let (now, later) = weights.split_at_checked(blocks.checked_mul(cells)?.checked_mul(32)?)?;
        let (now_channels, later_channels) = channels.split_at_checked(blocks)?;
        (weights, channels) = (later, later_channels);
        let panel = Panel { weights: now, channels: now_channels, first };
        first += 8 * blocks;
        Some(panel)
    })
}

/// Writes the panels of one group. `cell(block, index)` are the weights of 8 channels.
pub(super) fn write(
    prepared: &mut [u8],
    blocks: usize,
    cells: usize,
    most: usize,
    arrange: impl Fn(&Quad) -> [i8; 16],
    cell: impl Fn(usize, usize) -> [[i8; 4]; 8],
) {
    let mut vectors = prepared.as_chunks_mut::<16>().0.iter_mut();
    let mut first = 0;
    while first < blocks {
        let width = width(blocks - first, most);
        for index in 0..cells {
            for block in first..first + width {
                let rows = cell(block, index);
                for (quad, vector) in rows.as_chunks::<4>().0.iter().zip(&mut vectors) {
                    *vector = arrange(quad).map(|weight| weight as u8);
                }
            }
        }
        first += width;
    }
}

/// The weights of a segment's cell, from the cells of one block of packing 2, where a kernel row has one tail and not each tap.
pub(super) fn segment_cell(
    cells: &[WeightCell],
    shape: &ConvolutionShape,
    layout: &Layout,
    index: usize,
) -> [[i8; 4]; 8] {
    let cell = |index: usize| cells.get(index).copied().unwrap_or_default().rows();
    if layout.row_segments <= 1 {
        return cell(index);
    }
    let (segment, first) = (index / layout.cells.max(1), 4 * (index % layout.cells.max(1)));
    let (row, tap) = (segment / layout.row_segments, segment % layout.row_segments);
    let mut rows = [[0; 4]; 8];
    for k in 0..4 {
        if first + k >= shape.channels_in() {
            break;
        }
        let position = tap * shape.channels_in() + first + k;
        let source = cell(row * shape.row_cells() + position / 4);
        for (row, source) in rows.iter_mut().zip(source) {
            row[k] = source[position % 4];
        }
    }
    rows
}
