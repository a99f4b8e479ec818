//! The image that a kernel is laid on: the input itself, or a copy with a border of zero points.

use super::layout::Layout;
use crate::kernels::arch::{Band, ConvolutionShape};

/// An image whose first value is the first one that the first output pixel of a band sees.
pub(super) struct Image<'a> {
    pub values: &'a [i8],
    /// From what one output pixel sees to what the next one in its row sees.
    pub pixel_bytes: usize,
    /// The same for the pixel below.
    pub row_bytes: usize,
}

impl<'a> Image<'a> {
    /// `None` if lengths do not fit together.
    pub fn of(
        shape: &ConvolutionShape,
        layout: &Layout,
        band: &Band<'a>,
        zero_point: i8,
        scratch: &'a mut [u8],
    ) -> Option<Image<'a>> {
        let channels = shape.input[2];
        let first_row = band.rows.start.checked_mul(shape.rows.stride as usize)?;
        let values: &[i8] = if layout.is_copy {
            let scratch: &mut [i8] = bytemuck::try_cast_slice_mut(scratch).ok()?;
            let copy = scratch.get_mut(..layout.copy_bytes()?)?;
            copy_image(shape, layout, band, zero_point, copy)?;
            copy
        } else {
            let skipped = first_row.checked_sub(band.first_input_row)?;
            band.input.get(skipped.checked_mul(layout.row_bytes())?..)?
        };
        Some(Image {
            values,
            pixel_bytes: channels.checked_mul(shape.columns.stride as usize)?,
            row_bytes: layout.row_bytes().checked_mul(shape.rows.stride as usize)?,
        })
    }

    /// Whether `bytes` values from each of `offsets` on are inside of the image for all pixels of `rows` rows.
    pub fn holds(&self, rows: usize, width: usize, offset: usize, bytes: usize) -> bool {
        let last_pixel = (|| {
            let row = rows.checked_sub(1)?.checked_mul(self.row_bytes)?;
            let column = width.checked_sub(1)?.checked_mul(self.pixel_bytes)?;
            row.checked_add(column)?.checked_add(offset)?.checked_add(bytes)
        })();
        last_pixel.is_some_and(|end| end <= self.values.len())
    }
}

/// Copies the rows that the band sees, with the zero point where there are none.
fn copy_image(
    shape: &ConvolutionShape,
    layout: &Layout,
    band: &Band<'_>,
    zero_point: i8,
    copy: &mut [i8],
) -> Option<()> {
    let [height, width, channels] = shape.input;
    let [rows, columns] = layout.image;
    let source_bytes = width.checked_mul(channels)?;
    let before = (shape.columns.padding as usize).min(columns);
    let inside = width.min(columns - before);
    let (before, inside) = (before.checked_mul(channels)?, inside.checked_mul(channels)?);
    let first_row = shape.rows.origin(band.rows.start as u32);
    let (lines, slack) = copy.split_at_mut_checked(rows.checked_mul(layout.row_bytes())?)?;
    slack.fill(0);
    for (line, row) in lines.chunks_exact_mut(layout.row_bytes().max(1)).zip(0..rows) {
        let source = first_row.wrapping_add(row as i32);
        let source = usize::try_from(source).ok().filter(|&row| row < height);
        let source = source.and_then(|row| {
            let start = row.checked_sub(band.first_input_row)?.checked_mul(source_bytes)?;
            band.input.get(start..)?.get(..inside)
        });
        let Some(source) = source else {
            line.fill(zero_point);
            continue;
        };
        let (left, rest) = line.split_at_mut_checked(before)?;
        let (middle, right) = rest.split_at_mut_checked(inside)?;
        left.fill(zero_point);
        middle.copy_from_slice(source);
        right.fill(zero_point);
    }
    Some(())
}
