//! The walk over the tiles of a convolution: some neighbouring output pixels of a row times some vectors of channels.

use super::super::ConvolutionShape;
use super::layout::Layout;
use super::prepared::{Prepared, groups};

/// Bytes of an image that are multiplied with all weights before the next ones: what stays in the first cache beside weights.
const BAND_BYTES: usize = 16 << 10;

/// What all tiles of a convolution have in common.
pub(super) struct Product {
    pub layout: Layout,
    /// Values from an output pixel to the next.
    pub output_stride: usize,
}

/// Where a tile lies.
pub(super) struct Tile {
    /// The first word that the first column sees.
    pub image: *const u8,
    /// Weights of its vectors of channels.
    pub weights: *const u8,
    /// Their constants.
    pub constants: *const i32,
    /// The first channel of the first column.
    pub output: *mut i8,
    /// Columns.
    pub columns: usize,
    /// Vectors of channels.
    pub panels: usize,
    /// Channels to be written, more than those of one vector less.
    pub channels: usize,
}

/// Calls `multiply` for every tile.
///
/// Every tile that `multiply` gets may read all words that its columns see in `image`, all weights and constants of
/// its vectors of channels, and may write `channels` outputs of each column.
pub(super) fn for_each_tile(
    product: &Product,
    shape: &ConvolutionShape,
    prepared: &Prepared<'_>,
    image: &[u8],
    output: &mut [i8],
    multiply: impl Fn(&Tile),
) {
    let layout = &product.layout;
    let [height, width, channels] = shape.output;
    let (Some(depth), Some(image_bytes)) = (layout.depth(), layout.image_bytes(shape.input[2])) else {
        return;
    };
    let (vector_bytes, constant_bytes) = (layout.vectors.bytes(), layout.vectors.constant_bytes());
    let panels = layout.panels * shape.groups;
    // Every tile below lies in these.
    if image.len() < image_bytes
        || output.len() < height * width * channels
        || prepared.weights.len() < panels * depth * vector_bytes
        || prepared.constants.len() < panels * constant_bytes
    {
        return;
    }
    let lines_at_once = (BAND_BYTES / layout.line_bytes.max(1)).max(1);
    let columns_at_once = (BAND_BYTES / layout.column_bytes.max(1)).next_multiple_of(layout.columns);
    let lanes = layout.vectors.lanes;
    for group in 0..shape.groups {
        for first_line in (0..height).step_by(lines_at_once) {
            for first_column in (0..width).step_by(columns_at_once) {
                let lines = first_line..height.min(first_line + lines_at_once);
                let columns = first_column..width.min(first_column + columns_at_once);
                for (panel, count) in groups(layout.panels, layout.at_once) {
                    let first_panel = group * layout.panels + panel;
                    let first_channel = group * shape.channels_out() + panel * lanes;
                    for line in lines.clone() {
                        for (column, columns) in split(columns.clone(), layout.columns) {
                            let seen = line * layout.line_bytes + column * layout.column_bytes;
                            let written = (line * width + column) * channels + first_channel;
                            multiply(&Tile {
                                image: image.as_ptr().wrapping_add(seen + group * layout.group_bytes),
                                weights: prepared
                                    .weights
                                    .as_ptr()
                                    .wrapping_add(first_panel * depth * vector_bytes),
                                constants: prepared
                                    .constants
                                    .as_ptr()
                                    .wrapping_add(first_panel * constant_bytes)
                                    .cast(),
                                output: output.as_mut_ptr().wrapping_add(written),
                                columns,
                                panels: count,
                                channels: (shape.channels_out() - panel * lanes).min(count * lanes),
                            });
                        }
                    }
                }
            }
        }
    }
}

/// Splits columns into parts of nearly equal size: the first one of each, and how many.
fn split(columns: core::ops::Range<usize>, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = columns.len().div_ceil(most.max(1)).max(1);
    let mut first = columns.start;
    (0..parts).map(move |part| {
        let count = (columns.end - first).div_ceil(parts - part);
        let of_part = (first, count);
        first += count;
        of_part
    })
}
