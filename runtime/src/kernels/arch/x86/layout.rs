//! How the kernels of x86-64 lay out weights and images. Compiled for every target: the converter states the memory they need.
//!
//! Everything is counted in *words* of 4 bytes, which is what a processor copies to all lanes of a vector in one
//! load. A word of an image holds consecutive values of K; a vector of weights holds the same values of K for as many
//! output channels as it has lanes.

use super::super::ConvolutionShape;
use super::super::needs::Needs;

/// What the registers of a family hold.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Vectors {
    /// Sums, and so output channels, of a vector.
    pub lanes: usize,
    /// Values of K in a word.
    pub values: usize,
    /// Bytes of a prepared weight.
    pub weight_bytes: usize,
    /// Most output columns of a tile of one or two vectors of channels, and of one of four; 0 where there are none of four.
    pub columns: [usize; 2],
    /// Most vectors of channels that a vector is multiplied with at once in a fully connected layer.
    pub dense: usize,
}

impl Vectors {
    /// 512 bits, VPDPBUSD: four unsigned bytes a word.
    pub const VNNI: Vectors = Vectors { lanes: 16, values: 4, weight_bytes: 1, columns: [12, 5], dense: 8 };
    /// 256 bits, VPMADDWD: two signed halfwords a word. Weights are widened when they are prepared: every one is used
    /// for many pixels.
    pub const AVX2: Vectors = Vectors { lanes: 8, values: 2, weight_bytes: 2, columns: [5, 0], dense: 4 };

    /// The same for fully connected layers, which use every weight once: their weights stay narrow.
    pub const AVX2_DENSE: Vectors = Vectors { weight_bytes: 1, ..Vectors::AVX2 };

    /// Bytes of a value of a prepared image.
    const fn value_bytes(self) -> usize {
        4 / self.values
    }

    /// Bytes of a vector of weights.
    pub const fn bytes(self) -> usize {
        self.lanes * self.values * self.weight_bytes
    }

    /// Bytes of the constants of a vector of channels, see [`super::constants`].
    pub const fn constant_bytes(self) -> usize {
        self.lanes * 4 * CONSTANTS
    }
}

/// Vectors of constants for each vector of channels.
pub(super) const CONSTANTS: usize = 5;
/// Bytes of a cache line, and of the largest vectors: one that lies on two lines is slow to load.
pub(super) const LINE: usize = 64;
/// Bytes at the start of prepared memory: whether the fast requantization is exact.
pub(super) const HEADER: usize = LINE;
/// What is lost where memory that is aligned to 16 bytes is used from the next multiple of [`LINE`] on.
pub(super) const ALIGNMENT_LOSS: usize = LINE - 16;
/// Behind an image: the last word of a row may reach over its end.
const SLACK: usize = 16;

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub vectors: Vectors,
    /// Kernel rows, and the bytes from one to the next in the padded image.
    pub rows: usize,
    pub row_bytes: usize,
    /// Taps of a row that do not lie side by side in the image, and the bytes from one to the next. 1 where they do.
    pub taps: usize,
    pub tap_bytes: usize,
    /// Words of a tap.
    pub words: usize,
    /// Values of K of a tap; what its last word has beyond is multiplied with zeros.
    pub tap_values: usize,
    /// Height and width of the padded image.
    pub padded: [usize; 2],
    /// Bytes of the padded image from an output column to the next one, and from an output row to the next one.
    pub column_bytes: usize,
    pub line_bytes: usize,
    /// Bytes of a group's channels.
    pub group_bytes: usize,
    /// Vectors of output channels in a group.
    pub panels: usize,
    /// Most of them in a tile.
    pub at_once: usize,
    /// Most columns in a tile.
    pub columns: usize,
}

impl Layout {
    /// `None` if a size does not fit the address space.
    pub fn of(vectors: Vectors, shape: &ConvolutionShape) -> Option<Layout> {
        let channels_in = shape.channels_in();
        let kernel = [shape.rows.kernel as usize, shape.columns.kernel as usize];
        let side_by_side = shape.groups == 1 && (shape.columns.dilation == 1 || kernel[1] == 1);
        let (taps, tap_values) =
            if side_by_side { (1, kernel[1].checked_mul(channels_in)?) } else { (kernel[1], channels_in) };
        let extent = |window: &crate::kernels::window::Window, outputs: usize| {
            let steps = outputs.saturating_sub(1).checked_mul(window.stride as usize)?;
            let reach = (window.kernel as usize).saturating_sub(1).checked_mul(window.dilation as usize)?;
            steps.checked_add(reach)?.checked_add(1)
        };
        let padded = [extent(&shape.rows, shape.output[0])?, extent(&shape.columns, shape.output[1])?];
        let pixel_bytes = shape.input[2].checked_mul(vectors.value_bytes())?;
        let image_row_bytes = pixel_bytes.checked_mul(padded[1])?;
        let panels = shape.channels_out().div_ceil(vectors.lanes);
        let [few, many] = vectors.columns;
        let (at_once, columns) = match panels {
            0 | 1 => (1, few),
            4.. if shape.output[1] <= many => (4, many),
            _ => (2, few),
        };
        Some(Layout {
            vectors,
            rows: kernel[0],
            row_bytes: image_row_bytes.checked_mul(shape.rows.dilation as usize)?,
            taps,
            tap_bytes: pixel_bytes.checked_mul(shape.columns.dilation as usize)?,
            words: tap_values.div_ceil(vectors.values),
            tap_values,
            padded,
            column_bytes: pixel_bytes.checked_mul(shape.columns.stride as usize)?,
            line_bytes: image_row_bytes.checked_mul(shape.rows.stride as usize)?,
            group_bytes: channels_in.checked_mul(vectors.value_bytes())?,
            panels,
            at_once,
            columns,
        })
    }

    /// Vectors of weights of a vector of channels.
    pub fn depth(&self) -> Option<usize> {
        self.rows.checked_mul(self.taps)?.checked_mul(self.words)
    }

    /// Bytes of the padded image of an input with `channels`.
    pub fn image_bytes(&self, channels: usize) -> Option<usize> {
        let pixels = self.padded[0].checked_mul(self.padded[1])?;
        pixels.checked_mul(channels.checked_mul(self.vectors.value_bytes())?)?.checked_add(SLACK)
    }
}

/// For a convolution.
pub(in super::super) fn conv2d(vectors: Vectors, shape: &ConvolutionShape) -> Option<Needs> {
    let layout = Layout::of(vectors, shape)?;
    let panels = layout.panels.checked_mul(shape.groups)?;
    Some(Needs {
        scratch: layout.image_bytes(shape.input[2])?.checked_add(ALIGNMENT_LOSS)?,
        prepared: panel_bytes(vectors, panels, layout.depth()?)?,
    })
}

/// For a fully connected layer.
pub(in super::super) fn fully_connected(vectors: Vectors, inputs: usize, outputs: usize) -> Option<Needs> {
    let words = inputs.div_ceil(vectors.values);
    Some(Needs {
        scratch: words.checked_mul(4)?,
        prepared: panel_bytes(vectors, outputs.div_ceil(vectors.lanes), words)?,
    })
}

/// Prepared memory for `panels` vectors of channels with `depth` vectors of weights each.
pub(super) fn panel_bytes(vectors: Vectors, panels: usize, depth: usize) -> Option<usize> {
    let each = depth.checked_mul(vectors.bytes())?.checked_add(vectors.constant_bytes())?;
    panels.checked_mul(each)?.checked_add(HEADER + ALIGNMENT_LOSS)
}
