//! How the depthwise convolutions of x86-64 lay out weights and images, see [`super::layout`].

use super::layout::{ALIGNMENT_LOSS, Vectors, panel_bytes};
use crate::kernels::arch::ConvolutionShape;
use crate::kernels::arch::needs::Needs;

/// Planes of output rows that are computed one vector of channels after the other: what stays in the first cache.
const PLANES_BYTES: usize = 12 << 10;

/// For a depthwise convolution.
pub(in super::super) fn depthwise_conv2d(vectors: Vectors, shape: &ConvolutionShape) -> Option<Needs> {
    let layout = Depthwise::of(vectors, shape)?;
    Some(Needs {
        scratch: layout.row_bytes()?.checked_mul(layout.rows_at_once)?.checked_add(ALIGNMENT_LOSS)?,
        prepared: panel_bytes(vectors, layout.phases, layout.depth()?)?,
    })
}

/// Sizes of a depthwise convolution.
///
/// For some output rows at a time, the input rows each of them sees are brought into scratch so that a word holds the
/// values of one channel in consecutive kernel rows: a *plane* for each 2 or 4 kernel rows. The taps of an output row
/// are then words of a plane at constant distances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depthwise {
    pub vectors: Vectors,
    /// Output rows whose planes are in scratch at a time.
    pub rows_at_once: usize,
    /// Words of a plane that are filled.
    pub row_words: usize,
    pub planes: usize,
    /// Kernel columns, and the words from one to the next.
    pub taps: usize,
    pub tap_words: usize,
    /// Whether an output row is one sequence of values, whatever pixels they belong to; otherwise every pixel is one of its own.
    pub is_flat: bool,
    /// Vectors of an output sequence that differ in their channels.
    pub phases: usize,
    /// Values from a vector to the next one with the same channels: in the input and in the output.
    pub steps: [usize; 2],
    /// Values of a sequence, and the sequences of a row.
    pub values: usize,
    pub sequences: usize,
}

impl Depthwise {
    /// `None` if a size does not fit the address space.
    pub fn of(vectors: Vectors, shape: &ConvolutionShape) -> Option<Depthwise> {
        let [_, width, channels] = shape.output;
        let window = &shape.columns;
        let lanes = vectors.lanes;
        let reach = (window.kernel as usize).saturating_sub(1).checked_mul(window.dilation as usize)?;
        let last = width.saturating_sub(1).checked_mul(window.stride as usize)?;
        let row_words = last.checked_add(reach)?.checked_add(1)?.checked_mul(channels)?;
        // Otherwise the vectors that differ would be too many.
        let is_flat = window.stride == 1 && (channels.is_multiple_of(8) || channels < lanes);
        let common = channels.max(1) / greatest_common_divisor(channels, lanes);
        let pixel = [channels.checked_mul(window.stride as usize)?, channels];
        let values = if is_flat { width.checked_mul(channels)? } else { channels };
        let phases = if is_flat { common } else { channels.div_ceil(lanes) };
        let period = common.checked_mul(lanes)?;
        let mut layout = Depthwise {
            vectors,
            rows_at_once: 1,
            row_words,
            planes: (shape.rows.kernel as usize).div_ceil(vectors.values),
            taps: window.kernel as usize,
            tap_words: channels.checked_mul(window.dilation as usize)?,
            is_flat,
            phases,
            steps: if is_flat { [period; 2] } else { pixel },
            values,
            sequences: if is_flat { 1 } else { width },
        };
        layout.rows_at_once = (PLANES_BYTES / layout.row_bytes()?.max(1)).clamp(1, shape.output[0].max(1));
        Some(layout)
    }

    /// Vectors of weights of a vector of channels.
    pub fn depth(&self) -> Option<usize> {
        self.planes.checked_mul(self.taps)
    }

    /// Bytes of the planes of an output row.
    pub fn row_bytes(&self) -> Option<usize> {
        self.plane_bytes()?.checked_mul(self.planes)
    }

    /// Bytes of a plane: a vector may begin at its last word.
    pub fn plane_bytes(&self) -> Option<usize> {
        self.row_words.checked_add(self.vectors.lanes)?.checked_mul(4)
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    let (mut a, mut b) = (a, b.max(1));
    while a != 0 {
        (a, b) = (b % a, a);
    }
    b
}
