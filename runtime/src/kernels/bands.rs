//! In which order the rows of a windowed operator are computed when its input and output share memory.
//!
//! Rows are computed in bands of a few, from the first to the last if the output begins below the input, from the last to the first if it
//! begins above. A band may overwrite what no band behind it sees, and nothing that itself sees.

use core::ops::Range;

use super::window::Window;

/// Rows of an image, or pixels where a pixel sees nothing but itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bands {
    /// How the kernel lies on the rows.
    pub window: Window,
    /// Rows of the input.
    pub input_rows: usize,
    /// Bytes of one of them.
    pub input_row_bytes: usize,
    /// Rows of the output.
    pub output_rows: usize,
    /// Bytes of one of them.
    pub output_row_bytes: usize,
    /// Rows of a band.
    pub at_once: usize,
}

/// Distances at which the output may lie over the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The output may begin this many bytes before the input, or more.
    pub below: usize,
    /// The output may begin this many bytes behind the start of the input, or more.
    pub above: usize,
}

impl Bands {
    /// Number of bands.
    pub fn count(&self) -> usize {
        self.output_rows.div_ceil(self.at_once.max(1))
    }

    /// The output rows of a band.
    pub fn band(&self, index: usize) -> Range<usize> {
        let start = index.saturating_mul(self.at_once).min(self.output_rows);
        start..start.saturating_add(self.at_once).min(self.output_rows)
    }

    /// The input rows that some output rows see.
    pub fn seen(&self, rows: &Range<usize>) -> Range<usize> {
        let Window { kernel, dilation, .. } = self.window;
        let reach = kernel.wrapping_sub(1).wrapping_mul(dilation) as i32;
        let first = self.window.origin(rows.start as u32).max(0) as usize;
        let last = self.window.origin(rows.end.wrapping_sub(1) as u32).wrapping_add(reach).max(-1);
        let end = (last.wrapping_add(1) as usize).min(self.input_rows);
        first.min(end)..end
    }

    /// The least distances at which every band is safe.
    pub fn overlap(&self) -> Overlap {
        let mut overlap = Overlap { below: 0, above: 0 };
        for rows in (0..self.count()).map(|index| self.band(index)) {
            let seen = self.seen(&rows);
            let written = rows.end.saturating_mul(self.output_row_bytes);
            let kept = seen.start.saturating_mul(self.input_row_bytes);
            overlap.below = overlap.below.max(written.saturating_sub(kept));
            let kept = seen.end.saturating_mul(self.input_row_bytes);
            let written = rows.start.saturating_mul(self.output_row_bytes);
            overlap.above = overlap.above.max(kept.saturating_sub(written));
        }
        overlap
    }
}
