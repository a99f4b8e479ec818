//! How a kernel is laid on an image, and the memory that this needs. Compiled for every machine: the converter states the needs.
//!
//! A kernel is cut into *segments*: runs of K that lie side by side in the image, so that nothing has to be gathered. A segment is a
//! kernel row, or a single tap where the taps of a row lie apart (dilation, groups). Where windows stick out of the image, or the
//! last cell of a segment does, a copy with a border is made once per image.

use crate::kernels::arch::ConvolutionShape;
use crate::kernels::arch::needs::Needs;
use crate::kernels::window::Window;

/// Bytes behind a copied image that may be read: a vector that begins with the last value.
const SLACK: usize = 16;

/// Kernel and image of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Segments of a kernel.
    pub segments: usize,
    /// Cells of a segment.
    pub cells: usize,
    /// Segments of a kernel row.
    pub row_segments: usize,
    /// Rows and columns of the image that the kernel is laid on.
    pub image: [usize; 2],
    /// Whether that is a copy.
    pub is_copy: bool,
    /// Channels of the image.
    channels: usize,
}

/// Elements that the windows of `outputs` span.
fn extent(window: &Window, outputs: usize) -> Option<usize> {
    let reach = (window.kernel as usize).checked_sub(1)?.checked_mul(window.dilation as usize)?;
    outputs.checked_sub(1)?.checked_mul(window.stride as usize)?.checked_add(reach)?.checked_add(1)
}

impl Layout {
    /// For the output rows of `shape`; `None` if it does not fit the address space.
    pub fn of(shape: &ConvolutionShape) -> Option<Layout> {
        let (rows, columns) = (&shape.rows, &shape.columns);
        let whole_rows = columns.kernel == 1 || (columns.dilation == 1 && shape.groups == 1);
        let row_segments = if whole_rows { 1 } else { columns.kernel as usize };
        let values = if whole_rows {
            (columns.kernel as usize).checked_mul(shape.channels_in())?
        } else {
            shape.channels_in()
        };
        let [height, width, channels] = shape.input;
        let spans = [extent(rows, shape.output[0])?, extent(columns, shape.output[1])?];
        let is_inside = spans[0] <= height && spans[1] <= width && rows.padding == 0 && columns.padding == 0;
        let is_copy = !is_inside || !values.is_multiple_of(4);
        Some(Layout {
            segments: (rows.kernel as usize).checked_mul(row_segments)?,
            cells: values.div_ceil(4),
            row_segments,
            image: if is_copy { spans } else { [height, width] },
            is_copy,
            channels,
        })
    }

    /// The same where channels do not add up: a segment is a tap, and the image always a copy.
    pub fn of_depthwise(shape: &ConvolutionShape) -> Option<Layout> {
        Some(Layout {
            segments: (shape.rows.kernel as usize).checked_mul(shape.columns.kernel as usize)?,
            cells: 1,
            row_segments: shape.columns.kernel as usize,
            image: [extent(&shape.rows, shape.output[0])?, extent(&shape.columns, shape.output[1])?],
            is_copy: true,
            channels: shape.input[2],
        })
    }

    /// Distance of the rows of the image.
    pub fn row_bytes(&self) -> usize {
        self.image[1].saturating_mul(self.channels)
    }

    /// Offset of each segment from the first value that a pixel sees.
    pub fn offsets(&self, shape: &ConvolutionShape) -> impl Iterator<Item = usize> + use<> {
        let (rows, columns, row_segments) = (shape.rows, shape.columns, self.row_segments);
        let (row_bytes, channels) = (self.row_bytes(), self.channels);
        (0..rows.kernel as usize).flat_map(move |row| {
            let row = row.saturating_mul(rows.dilation as usize).saturating_mul(row_bytes);
            let tap_bytes = (columns.dilation as usize).saturating_mul(channels);
            (0..row_segments).map(move |tap| row.saturating_add(tap.saturating_mul(tap_bytes)))
        })
    }

    /// Bytes of the table of offsets.
    pub fn table_bytes(&self) -> Option<usize> {
        self.segments.checked_mul(4)?.checked_next_multiple_of(16)
    }

    /// Bytes of the copied image.
    pub fn copy_bytes(&self) -> Option<usize> {
        if !self.is_copy {
            return Some(0);
        }
        let bytes = self.image[0].checked_mul(self.image[1])?.checked_mul(self.channels)?;
        bytes.checked_add(SLACK)?.checked_next_multiple_of(16)
    }
}

/// Bytes of a cell of 8 channels, in any order.
const CELL: usize = 32;

/// For a convolution: the copy of the image; offsets and weights.
pub(in crate::kernels::arch) fn conv2d(shape: &ConvolutionShape) -> Option<Needs> {
    let layout = Layout::of(shape)?;
    let cells =
        shape.blocks().checked_mul(shape.groups)?.checked_mul(layout.segments)?.checked_mul(layout.cells)?;
    let prepared = cells.checked_mul(CELL)?.checked_add(layout.table_bytes()?)?;
    Some(Needs { scratch: layout.copy_bytes()?, prepared })
}

/// For a depthwise convolution: the same, 16 bytes for each tap of 16 channels.
pub(in crate::kernels::arch) fn depthwise_conv2d(shape: &ConvolutionShape) -> Option<Needs> {
    let layout = Layout::of_depthwise(shape)?;
    let weights = shape.output[2].div_ceil(16).checked_mul(layout.segments)?.checked_mul(16)?;
    Some(Needs { scratch: layout.copy_bytes()?, prepared: weights.checked_add(layout.table_bytes()?)? })
}

/// For a fully connected layer: a vector that does not end with a whole cell is copied; weights.
pub(in crate::kernels::arch) fn fully_connected(inputs: usize, outputs: usize) -> Option<Needs> {
    let scratch = if inputs.is_multiple_of(4) { 0 } else { inputs.checked_next_multiple_of(16)? };
    let prepared = outputs.div_ceil(8).checked_mul(inputs.div_ceil(4))?.checked_mul(CELL)?;
    Some(Needs { scratch, prepared })
}
