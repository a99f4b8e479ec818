//! The padded copy of an image that tiles are multiplied with.

use super::super::ConvolutionShape;
use super::layout::Layout;

/// Copies `input` into `image`, which has `layout.padded` rows and columns. `convert` copies a row of values, `fill`
/// writes what lies around them.
#[inline(always)]
pub(super) fn copy<T>(
    layout: &Layout,
    shape: &ConvolutionShape,
    input: &[i8],
    image: &mut [T],
    convert: impl Fn(&[i8], &mut [T]),
    fill: impl Fn(&mut [T]),
) {
    let [h, w, c] = shape.input;
    let [height, width] = layout.padded;
    let (above, left) = (shape.rows.padding as usize, shape.columns.padding as usize);
    let inside = w.min(width.saturating_sub(left)) * c;
    let lines = input.chunks_exact((w * c).max(1)).take(h.min(height.saturating_sub(above)));
    // What lies between the end of a row and the start of the next one is filled at once.
    let Some(mut rest) = image.get_mut(..height * width * c) else { return };
    let mut border = (above * width + left) * c;
    for line in lines {
        let Some((before, behind)) = rest.split_at_mut_checked(border) else { return };
        let Some((row, behind)) = behind.split_at_mut_checked(inside) else { return };
        fill(before);
        convert(line.get(..inside).unwrap_or_default(), row);
        border = width * c - inside;
        rest = behind;
    }
    fill(rest);
}
