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
    let lines = input.chunks_exact((w * c).max(1)).take(h);
    let above = shape.rows.padding as usize;
    if [inside, above + h] != [width * c, layout.padded[0]] || above > 0 {
        image.fill(border);
    }
    for (row, line) in image.chunks_exact_mut((width * c).max(1)).skip(above).zip(lines) {
        convert(line.get(..inside).unwrap_or_default(), row.get_mut(left * c..).unwrap_or_default());
    }
}
