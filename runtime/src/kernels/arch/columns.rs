//! What one output pixel sees, copied side by side.

use super::ConvolutionShape;
use crate::kernels::window::Window;

/// The input of a band and how a kernel lies on it.
pub(super) struct Columns<'a> {
    pub shape: &'a ConvolutionShape,
    /// The input row that `input` begins with.
    pub first_input_row: usize,
    pub input: &'a [i8],
    /// First input channel of the group.
    pub first_channel: usize,
    pub zero_point: i8,
}

impl Columns<'_> {
    /// Copies what output pixel (`y`, `x`) sees into `column`, kernel rows of `4 · row_cells` values: the zero point where it sees
    /// padding, zeros in the tail of a row.
    pub fn gather(&self, y: usize, x: usize, column: &mut [i8]) {
        let [h, w, c] = self.shape.input;
        let (origin_y, origin_x) = (self.shape.rows.origin(y as u32), self.shape.columns.origin(x as u32));
        let rows = column.chunks_exact_mut((self.shape.row_cells() * 4).max(1));
        for (ky, row) in (0..self.shape.rows.kernel).zip(rows) {
            let line = self.shape.rows.tap(origin_y, ky, h as u32).and_then(|source| {
                let line = (source as usize).checked_sub(self.first_input_row)?.checked_mul(w * c)?;
                self.input.get(line..)
            });
            match line {
                Some(line) => self.gather_row(line, self.shape.columns, origin_x, row),
                None => row.fill(self.zero_point),
            }
        }
    }

    fn gather_row(&self, line: &[i8], window: Window, origin: i32, row: &mut [i8]) {
        let [_, w, c] = self.shape.input;
        let channels = self.shape.channels_in();
        // The weights of the tail are zero, but an uninitialised tail would make the result depend on them.
        row.get_mut(channels.wrapping_mul(window.kernel as usize)..).unwrap_or_default().fill(0);
        for (tap, values) in (0..window.kernel).zip(row.chunks_mut(channels.max(1))) {
            match window.tap(origin, tap, w as u32) {
                None => values.fill(self.zero_point),
                Some(source) => {
                    let start = source as usize * c + self.first_channel;
                    for (value, source) in values.iter_mut().zip(line.get(start..).unwrap_or_default()) {
                        *value = *source;
                    }
                }
            }
        }
    }
}
