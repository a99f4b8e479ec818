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
        let start = index.wrapping_mul(self.at_once);
        start..start.saturating_add(self.at_once).min(self.output_rows)
    }

    /// The input rows that some output rows see.
    #[inline(never)]
    pub fn seen(&self, rows: &Range<usize>) -> Range<usize> {
        let Window { kernel, dilation, .. } = self.window;
        let reach = kernel.wrapping_sub(1).wrapping_mul(dilation) as i32;
        let first = self.window.origin(rows.start as u32).max(0) as usize;
        let last = self.window.origin(rows.end.wrapping_sub(1) as u32).wrapping_add(reach).max(-1);
        let end = (last.wrapping_add(1) as usize).min(self.input_rows);
        first.min(end)..end
    }

    /// Whether every band is safe with input and output at these places: as far apart as [`Bands::overlap`] says, or farther.
    pub fn are_safe(&self, input: usize, output: usize) -> bool {
        let (mut is_below, mut is_above) = (output <= input, output >= input);
        for rows in (0..self.count()).map(|index| self.band(index)) {
            let seen = bytes(input, &self.seen(&rows), self.input_row_bytes);
            let written = bytes(output, &rows, self.output_row_bytes);
            is_below &= written.end <= seen.start;
            is_above &= seen.end <= written.start;
        }
        is_below || is_above
    }

    /// The least distances at which every band is safe. Nothing overflows: both images are tensors.
    pub fn overlap(&self) -> Overlap {
        let mut overlap = Overlap { below: 0, above: 0 };
        for rows in (0..self.count()).map(|index| self.band(index)) {
            let seen = self.seen(&rows);
            let input = |row: usize| row.wrapping_mul(self.input_row_bytes);
            let output = |row: usize| row.wrapping_mul(self.output_row_bytes);
            overlap.below = overlap.below.max(output(rows.end).saturating_sub(input(seen.start)));
            overlap.above = overlap.above.max(input(seen.end).saturating_sub(output(rows.start)));
        }
        overlap
    }
}

/// Where some rows of an image lie.
pub(super) fn bytes(start: usize, rows: &Range<usize>, row: usize) -> Range<usize> {
    let at = |index: usize| start.wrapping_add(index.wrapping_mul(row));
    at(rows.start)..at(rows.end)
}
