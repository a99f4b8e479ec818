//! The padded copy of an image that tiles are multiplied with.

use super::super::ConvolutionShape;
use super::layout::Layout;

/// Copies `input` into `image`, which has `layout.padded` rows and columns, with `border` around it. `convert` copies a row of values.
#[inline(always)]
pub(super) fn copy<T: Copy>(
    layout: &Layout,
    shape: &ConvolutionShape,
    input: &[i8],
    image: &mut [T],
    border: T,
    convert: impl Fn(&[i8], &mut [T]),
) {
    let [h, w, c] = shape.input;
    let [_, width] = layout.padded;
    let left = (shape.columns.padding as usize).min(width);
    let inside = w.min(width - left) * c;
    let mut lines = input.chunks_exact((w * c).max(1)).take(h);
    let mut rows = image.chunks_exact_mut((width * c).max(1));
    for row in rows.by_ref().take((shape.rows.padding as usize).min(layout.padded[0])) {
        row.fill(border);
    }
    for row in rows {
        let Some(line) = lines.next() else {
            row.fill(border);
            continue;
        };
        let Some((before, row)) = row.split_at_mut_checked(left * c) else { return };
        let Some((row, behind)) = row.split_at_mut_checked(inside) else { return };
        before.fill(border);
        convert(line.get(..inside).unwrap_or_default(), row);
        behind.fill(border);
    }
}
