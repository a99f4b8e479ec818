//! What average_pool2d and max_pool2d share: geometry and the walk over windows.

use super::window::Window;
use crate::error::Defect;
use crate::format::attributes::Pool;
use crate::program::Operation;

/// Largest number of elements of a window: sums of int8 stay far inside of 32 bits.
const LARGEST_WINDOW: u32 = 1 << 22;

fn windows(attributes: &Pool) -> [Window; 2] {
    [
        Window {
            kernel: attributes.kernel_h,
            stride: attributes.stride_h,
            dilation: 1,
            padding: attributes.padding_top,
        },
        Window {
            kernel: attributes.kernel_w,
            stride: attributes.stride_w,
            dilation: 1,
            padding: attributes.padding_left,
        },
    ]
}

/// Checks everything: pooling does not change the quantization.
pub(crate) fn verify(operation: &Operation<'_>) -> Result<(), Defect> {
    let attributes: &Pool = operation.attributes()?;
    operation.require_elements(1)?;
    operation.require_arena()?;
    operation.require_placement(false)?;
    let (input, output) = (operation.first_input(), operation.output());
    let ([n, h, w, c], [out_n, out_h, out_w, out_c]) = (input.dims, output.dims);
    let [rows, columns] = windows(attributes);
    let fits = n == out_n
        && c == out_c
        && rows.fits(h, out_h)
        && columns.fits(w, out_w)
        && attributes.kernel_h.saturating_mul(attributes.kernel_w) <= LARGEST_WINDOW
        && attributes.count_padding <= 1;
    if !fits {
        Err(Defect::Shapes)
    } else if !operation.is_float32() && input.zero_point != output.zero_point {
        Err(Defect::Requantization)
    } else {
        Ok(())
    }
}

/// Channels that are folded at once: those of a word, or of a vector where there are some.
pub(super) const CHANNELS_AT_ONCE: usize = if cfg!(target_pointer_width = "64") { 16 } else { 4 };

/// The first values, with zeros where there are too few: loops over all of them, a fixed number, become vector instructions.
#[inline(always)]
pub(super) fn first_channels(values: &[i8]) -> [i8; CHANNELS_AT_ONCE] {
    values.first_chunk().copied().unwrap_or_else(|| {
        let mut channels = [0; CHANNELS_AT_ONCE];
        for (channel, &value) in channels.iter_mut().zip(values) {
            *channel = value;
        }
        channels
    })
}

/// One window and the output that it belongs to.
pub(super) struct Position {
    /// Index of the image in the batch times its number of rows.
    first_row: usize,
    width: usize,
    channels: usize,
    rows: core::ops::Range<usize>,
    columns: core::ops::Range<usize>,
    /// Elements of the window inside of the input.
    pub inside: u32,
    /// Index of the first channel of the output pixel.
    pub output: usize,
}

impl Position {
    /// Indices in the input of the elements that the window sees in `channel`.
    pub fn elements(&self, channel: usize) -> impl Iterator<Item = usize> + '_ {
        self.rows.clone().flat_map(move |y| {
            let row = self.first_row.wrapping_add(y).wrapping_mul(self.width);
            self.columns
                .clone()
                .map(move |x| row.wrapping_add(x).wrapping_mul(self.channels).wrapping_add(channel))
        })
    }
}

impl Position {
    /// Folds the elements that the window sees in each of some channels, from `channel` on. What is folded for channels that the input
    /// does not have is of no meaning.
    #[inline(always)]
    pub fn fold(
        &self,
        input: &[i8],
        channel: usize,
        start: i32,
        fold: impl Fn(i32, i32) -> i32,
    ) -> [i32; CHANNELS_AT_ONCE] {
        let mut folded = [start; CHANNELS_AT_ONCE];
        for y in self.rows.clone() {
            let row = self.first_row.wrapping_add(y).wrapping_mul(self.width);
            let pixel = row.wrapping_add(self.columns.start).wrapping_mul(self.channels);
            let mut rest = input.get(pixel.wrapping_add(channel)..).unwrap_or_default();
            for _ in self.columns.clone() {
                for (folded, value) in folded.iter_mut().zip(first_channels(rest)) {
                    *folded = fold(*folded, i32::from(value));
                }
                rest = rest.get(self.channels..).unwrap_or_default();
            }
        }
        folded
    }
}

impl Position {
    /// The sums of the elements that the window sees in each of some channels, from `channel` on, added to `start`.
    #[cfg(not(dunlin_dsp))]
    #[inline(always)]
    pub fn sum(&self, input: &[i8], channel: usize, start: i32) -> [i32; CHANNELS_AT_ONCE] {
        self.fold(input, channel, start, i32::wrapping_add)
    }

    /// The sums of the elements that the window sees in each of some channels, from `channel` on, added to `start`.
    #[cfg(dunlin_dsp)]
    #[inline(never)]
    pub fn sum(&self, input: &[i8], channel: usize, start: i32) -> [i32; CHANNELS_AT_ONCE] {
        let mut sums = [start; CHANNELS_AT_ONCE];
        // Whole rows lie side by side.
        let (rows, count) = match self.columns.len() {
            columns if columns == self.width => {
                (self.rows.start..self.rows.end.min(self.rows.start + 1), columns * self.rows.len())
            }
            columns => (self.rows.clone(), columns),
        };
        for y in rows {
            let row = self.first_row.wrapping_add(y).wrapping_mul(self.width);
            let pixel = row.wrapping_add(self.columns.start).wrapping_mul(self.channels);
            let mut pixels = input.get(pixel.wrapping_add(channel)..).unwrap_or_default();
            if super::arch::dsp::pool::add_pixels(pixels, self.channels, count, &mut sums) {
                continue;
            }
            for _ in 0..count {
                for (sum, &value) in sums.iter_mut().zip(pixels) {
                    *sum = sum.wrapping_add(value.into());
                }
                pixels = pixels.get(self.channels..).unwrap_or_default();
            }
        }
        sums
    }
}

/// Part of the input that a window sees.
#[cfg_attr(dunlin_dsp, inline(never))]
fn inside(window: &Window, output: u32, inputs: u32) -> core::ops::Range<usize> {
    let origin = window.origin(output);
    let end = origin.wrapping_add(window.kernel as i32).min(inputs as i32);
    let start = origin.clamp(0, end.max(0));
    start as usize..end.max(0) as usize
}

/// Calls `visit` for every output pixel.
pub(super) fn for_each_window(
    operation: &Operation<'_>,
    attributes: &Pool,
    visit: &mut dyn FnMut(&Position),
) {
    let [rows, columns] = windows(attributes);
    let [_, h, w, c] = operation.first_input().dims;
    let [batch, out_h, out_w, _] = operation.output().dims;
    let mut output = 0usize;
    for n in 0..batch {
        for y in 0..out_h {
            for x in 0..out_w {
                let (rows, columns) = (inside(&rows, y, h), inside(&columns, x, w));
                let seen = (rows.len() as u32).wrapping_mul(columns.len() as u32);
                visit(&Position {
                    first_row: (n as usize).wrapping_mul(h as usize),
                    width: w as usize,
                    channels: c as usize,
                    rows,
                    columns,
                    inside: seen,
                    output,
                });
                output = output.wrapping_add(c as usize);
            }
        }
    }
}
