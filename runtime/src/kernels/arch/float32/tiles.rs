//! Sums of several pixels and channels side by side, for processors with vectors.
//!
//! Everything here is inlined into functions that are compiled for an instruction set; loops over arrays of fixed length become
//! vectors there.

use core::ops::Range;

use super::{Bounds, Convolution};
use crate::format::{FloatRow, LANES};
use crate::kernels::arch::ConvolutionShape;

/// Output pixels of a tile.
const PIXELS: usize = 32;
/// Blocks of 8 output channels of a tile.
const BLOCKS: usize = 8;

/// The sums of some pixels and blocks. A tile lies in the first-level cache; what is added to at once, in registers.
type Sums = [[FloatRow; BLOCKS]; PIXELS];

/// What a pixel of a tile sees of the kernel rows that are multiplied next.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Index of the pixel in the tile.
    pixel: usize,
    /// Index of the first value in the image.
    start: usize,
}

/// The pixels of a tile that see something, in order.
struct SeenList {
    seen: [Seen; PIXELS],
    count: usize,
}

impl SeenList {
    #[inline(always)]
    fn new() -> SeenList {
        SeenList { seen: [Seen::default(); PIXELS], count: 0 }
    }

    #[inline(always)]
    fn push(&mut self, pixel: usize, start: usize) {
        if let Some(seen) = self.seen.get_mut(self.count) {
            *seen = Seen { pixel, start };
            self.count += 1;
        }
    }

    #[inline(always)]
    fn as_slice(&self) -> &[Seen] {
        self.seen.get(..self.count).unwrap_or_default()
    }
}

/// Blocks of weights side by side.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    /// The rows of the first block and of all later ones.
    weights: &'a [FloatRow],
    /// Rows of a block.
    block_length: usize,
    /// Number of blocks, at most [`BLOCKS`].
    count: usize,
}

impl<'a> Blocks<'a> {
    /// Some rows of block `index`.
    #[inline(always)]
    fn rows(&self, index: usize, rows: &Range<usize>) -> &'a [FloatRow] {
        let start = index * self.block_length;
        self.weights.get(start + rows.start..start + rows.end).unwrap_or_default()
    }
}

/// Convolves one image. Registers hold the sums of `WIDEST` pixels × 16 channels: 4 or 8 pixels.
#[inline(always)]
pub(super) fn conv2d<const WIDEST: usize>(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    let shape = &flat(&job.shape);
    let block_length = shape.taps() * shape.channels_in();
    let [_, _, out_c] = shape.output;
    for group in 0..shape.groups {
        for first in (0..shape.blocks()).step_by(BLOCKS) {
            let index = group * shape.blocks() + first;
            let blocks = Blocks {
                weights: job.weights.get(index * block_length..).unwrap_or_default(),
                block_length,
                count: BLOCKS.min(shape.blocks() - first),
            };
            let channels = job.channels.get(index..).unwrap_or_default();
            let first_channel = group * shape.channels_out() + first * LANES;
            let channel_count = (shape.channels_out() - first * LANES).min(BLOCKS * LANES);
            let mut pixels = Pixels { origins: [(0, 0); PIXELS], count: 0, next: (0, 0) };
            let mut outputs = output.chunks_exact_mut(out_c.max(1));
            while pixels.advance(shape) {
                let mut sums = [[[0.0; LANES]; BLOCKS]; PIXELS];
                add_tile::<WIDEST>(&mut sums, shape, &pixels, group, blocks, input);
                for (sums, pixel) in sums.iter().take(pixels.count).zip(&mut outputs) {
                    let Some(pixel) = pixel.get_mut(first_channel..first_channel + channel_count) else {
                        return;
                    };
                    for ((outputs, sums), channels) in pixel.chunks_mut(LANES).zip(sums).zip(channels) {
                        finish(outputs, sums, &channels.bias, job.bounds);
                    }
                }
            }
        }
    }
}

/// A pointwise convolution sees its image as one row.
#[inline(always)]
fn flat(shape: &ConvolutionShape) -> ConvolutionShape {
    if !shape.is_pointwise() {
        return *shape;
    }
    let row = |[h, w, c]: [usize; 3]| [1, h * w, c];
    ConvolutionShape { input: row(shape.input), output: row(shape.output), ..*shape }
}

/// The output pixels of a tile, one row after the other.
struct Pixels {
    /// Input row and column of each pixel's first tap.
    origins: [(i32, i32); PIXELS],
    count: usize,
    /// Row and column of the pixel behind them.
    next: (usize, usize),
}

impl Pixels {
    /// Goes on to the next pixels. Returns whether there are some.
    #[inline(always)]
    fn advance(&mut self, shape: &ConvolutionShape) -> bool {
        let [out_h, out_w, _] = shape.output;
        let (mut y, mut x) = self.next;
        self.count = 0;
        for origin in &mut self.origins {
            if y >= out_h || out_w == 0 {
                break;
            }
            *origin = (shape.rows.origin(y as u32), shape.columns.origin(x as u32));
            self.count += 1;
            x += 1;
            if x == out_w {
                (y, x) = (y + 1, 0);
            }
        }
        self.next = (y, x);
        self.count > 0
    }
}

/// Adds the products of all taps to the sums of a tile.
#[inline(always)]
fn add_tile<const WIDEST: usize>(
    sums: &mut Sums,
    shape: &ConvolutionShape,
    pixels: &Pixels,
    group: usize,
    blocks: Blocks<'_>,
    image: &[f32],
) {
    let ([h, w, c], channels) = (shape.input, shape.channels_in());
    let (kernel_h, kernel_w) = (shape.rows.kernel, shape.columns.kernel);
    let row_length = kernel_w as usize * channels;
    // A pixel that sees a whole kernel row finds its values side by side.
    let side_by_side = shape.groups == 1 && (shape.columns.dilation == 1 || kernel_w == 1);
    let reach = (kernel_w as i32 - 1) * shape.columns.dilation as i32;
    let sees_whole_row = |x: i32| side_by_side && x >= 0 && x + reach < w as i32;
    let origins = || pixels.origins.iter().copied().take(pixels.count).enumerate();
    let mut some_see_parts = false;
    for (_, (_, x)) in origins() {
        some_see_parts |= !sees_whole_row(x);
    }
    for ky in 0..kernel_h {
        let first_row = ky as usize * row_length;
        let start = |y: u32, x: i32| (y as usize * w + x as usize) * c + group * channels;
        let mut whole = SeenList::new();
        for (pixel, (y, x)) in origins() {
            if let Some(y) = shape.rows.tap(y, ky, h as u32)
                && sees_whole_row(x)
            {
                whole.push(pixel, start(y, x));
            }
        }
        add::<WIDEST>(sums, whole.as_slice(), blocks, first_row..first_row + row_length, image);
        if !some_see_parts {
            continue;
        }
        for kx in 0..kernel_w {
            let mut parts = SeenList::new();
            for (pixel, (y, x)) in origins() {
                if let Some(y) = shape.rows.tap(y, ky, h as u32)
                    && let Some(tap) = shape.columns.tap(x, kx, w as u32)
                    && !sees_whole_row(x)
                {
                    parts.push(pixel, start(y, tap as i32));
                }
            }
            let first_row = first_row + kx as usize * channels;
            add::<WIDEST>(sums, parts.as_slice(), blocks, first_row..first_row + channels, image);
        }
    }
}

/// Adds the products of some weight rows and what the pixels see.
#[inline(always)]
fn add<const WIDEST: usize>(
    sums: &mut Sums,
    seen: &[Seen],
    blocks: Blocks<'_>,
    rows: Range<usize>,
    image: &[f32],
) {
    let mut rest = seen;
    if WIDEST >= 8 {
        let (eights, behind) = rest.as_chunks::<8>();
        for seen in eights {
            add_pixels(sums, seen, blocks, &rows, image);
        }
        rest = behind;
    }
    let (fours, rest) = rest.as_chunks::<4>();
    for seen in fours {
        add_pixels(sums, seen, blocks, &rows, image);
    }
    let (twos, rest) = rest.as_chunks::<2>();
    for seen in twos {
        add_pixels(sums, seen, blocks, &rows, image);
    }
    for seen in rest {
        add_pixels(sums, &[*seen], blocks, &rows, image);
    }
}

/// Goes through the blocks for `P` pixels: fewer pixels leave registers for more blocks.
#[inline(always)]
fn add_pixels<const P: usize>(
    sums: &mut Sums,
    seen: &[Seen; P],
    blocks: Blocks<'_>,
    rows: &Range<usize>,
    image: &[f32],
) {
    let mut values = [[].as_slice(); P];
    for (values, seen) in values.iter_mut().zip(seen) {
        *values = image.get(seen.start..seen.start + rows.len()).unwrap_or_default();
    }
    let mut block = 0;
    if P == 1 {
        while block + 8 <= blocks.count {
            multiply::<P, 8>(sums, seen, block, blocks, rows, values);
            block += 8;
        }
    }
    if P <= 2 {
        while block + 4 <= blocks.count {
            multiply::<P, 4>(sums, seen, block, blocks, rows, values);
            block += 4;
        }
    }
    while block + 2 <= blocks.count {
        multiply::<P, 2>(sums, seen, block, blocks, rows, values);
        block += 2;
    }
    if block < blocks.count {
        multiply::<P, 1>(sums, seen, block, blocks, rows, values);
    }
}

/// Adds to the sums of `P` pixels × `B` blocks, in registers.
#[inline(always)]
fn multiply<const P: usize, const B: usize>(
    sums: &mut Sums,
    seen: &[Seen; P],
    first_block: usize,
    blocks: Blocks<'_>,
    rows: &Range<usize>,
    values: [&[f32]; P],
) {
    let mut weights = [[].as_slice(); B];
    for (index, weights) in weights.iter_mut().enumerate() {
        *weights = blocks.rows(first_block + index, rows);
    }
    let mut length = rows.len();
    for weights in &weights {
        length = length.min(weights.len());
    }
    for values in &values {
        length = length.min(values.len());
    }
    let mut registers = [[[0f32; LANES]; B]; P];
    for (registers, seen) in registers.iter_mut().zip(seen) {
        let sums = sums.get(seen.pixel).and_then(|pixel| pixel.get(first_block..first_block + B));
        for (register, sum) in registers.iter_mut().zip(sums.unwrap_or_default()) {
            *register = *sum;
        }
    }
    for k in 0..length {
        let mut row = [[0f32; LANES]; B];
        for (row, weights) in row.iter_mut().zip(weights) {
            // SAFETY: `length` is that of the shortest slice.
            *row = unsafe { *weights.get_unchecked(k) };
        }
        for (registers, values) in registers.iter_mut().zip(values) {
            // SAFETY: `length` is that of the shortest slice.
            let value = unsafe { *values.get_unchecked(k) };
            for (register, weights) in registers.iter_mut().zip(row) {
                for (sum, weight) in register.iter_mut().zip(weights) {
                    *sum += weight * value;
                }
            }
        }
    }
    for (registers, seen) in registers.iter().zip(seen) {
        let sums = sums.get_mut(seen.pixel).and_then(|pixel| pixel.get_mut(first_block..first_block + B));
        for (register, sum) in registers.iter().zip(sums.unwrap_or_default()) {
            *sum = *register;
        }
    }
}

/// Convolves each channel of one image.
#[inline(always)]
pub(super) fn depthwise_conv2d(job: &Convolution<'_>, input: &[f32], output: &mut [f32]) {
    let shape = &job.shape;
    let [out_h, out_w, c] = shape.output;
    let [_, w, _] = shape.input;
    let reach = (shape.columns.kernel as i32 - 1) * shape.columns.dilation as i32;
    let sees_whole_row = |x: usize| {
        let origin = shape.columns.origin(x as u32);
        x < out_w && origin >= 0 && origin + reach < w as i32
    };
    let mut outputs = output.chunks_exact_mut((out_w * c).max(1));
    for y in 0..out_h {
        let Some(row) = outputs.next() else { return };
        let mut x = 0;
        while x < out_w {
            let pixels = row.get_mut(x * c..).unwrap_or_default();
            if sees_whole_row(x) && sees_whole_row(x + 3) {
                depthwise_pixels::<4, 2>(job, input, (y, x), pixels);
                x += 4;
            } else {
                depthwise_pixels::<1, 8>(job, input, (y, x), pixels);
                x += 1;
            }
        }
    }
}

/// Writes `P` pixels, `B` blocks of channels at once. All pixels see whole kernel rows, or there is one.
#[inline(always)]
fn depthwise_pixels<const P: usize, const B: usize>(
    job: &Convolution<'_>,
    image: &[f32],
    first: (usize, usize),
    output: &mut [f32],
) {
    let channels = job.shape.output[2];
    let whole = channels / LANES;
    let mut block = 0;
    while block + B <= whole {
        let sums = depthwise_sums::<P, B>(job, image, first, block, |values| {
            let mut rows = [[0.0; LANES]; B];
            if let Some(values) = values.as_chunks::<LANES>().0.first_chunk::<B>() {
                rows = *values;
            }
            rows
        });
        depthwise_finish(job, &sums, block, output);
        block += B;
    }
    while block < job.channels.len() {
        // The last block may be in part behind the last channel of the image.
        let sums = depthwise_sums::<P, 1>(job, image, first, block, |values| {
            let mut row = [0.0; LANES];
            for (row, value) in row.iter_mut().zip(values) {
                *row = *value;
            }
            [row]
        });
        depthwise_finish(job, &sums, block, output);
        block += 1;
    }
}

/// The sums of `P` pixels and `B` blocks. `load` takes the values of the blocks from the front of a slice.
#[inline(always)]
fn depthwise_sums<const P: usize, const B: usize>(
    job: &Convolution<'_>,
    image: &[f32],
    (y, x): (usize, usize),
    block: usize,
    load: impl Fn(&[f32]) -> [FloatRow; B],
) -> [[FloatRow; B]; P] {
    let shape = &job.shape;
    let ([h, w, c], taps) = (shape.input, shape.taps());
    let (origin_y, origin_x) = (shape.rows.origin(y as u32), shape.columns.origin(x as u32));
    let mut sums = [[[0f32; LANES]; B]; P];
    for ky in 0..shape.rows.kernel {
        let Some(source_y) = shape.rows.tap(origin_y, ky, h as u32) else { continue };
        for kx in 0..shape.columns.kernel {
            let Some(source_x) = shape.columns.tap(origin_x, kx, w as u32) else { continue };
            let tap = (ky * shape.columns.kernel + kx) as usize;
            let mut weights = [[0f32; LANES]; B];
            for (index, weights) in weights.iter_mut().enumerate() {
                *weights = job.weights.get((block + index) * taps + tap).copied().unwrap_or_default();
            }
            let first = (source_y as usize * w + source_x as usize) * c + block * LANES;
            for (pixel, sums) in sums.iter_mut().enumerate() {
                let start = first + pixel * shape.columns.stride as usize * c;
                let values = load(image.get(start..).unwrap_or_default());
                for ((sums, weights), values) in sums.iter_mut().zip(weights).zip(values) {
                    for ((sum, weight), value) in sums.iter_mut().zip(weights).zip(values) {
                        *sum += weight * value;
                    }
                }
            }
        }
    }
    sums
}

#[inline(always)]
fn depthwise_finish<const P: usize, const B: usize>(
    job: &Convolution<'_>,
    sums: &[[FloatRow; B]; P],
    block: usize,
    output: &mut [f32],
) {
    let pixels = output.chunks_exact_mut(job.shape.output[2].max(1));
    for (sums, pixel) in sums.iter().zip(pixels) {
        let outputs = pixel.get_mut(block * LANES..).unwrap_or_default().chunks_mut(LANES);
        let channels = job.channels.get(block..).unwrap_or_default();
        for ((outputs, sums), channels) in outputs.zip(sums).zip(channels) {
            finish(outputs, sums, &channels.bias, job.bounds);
        }
    }
}

/// Adds the bias and applies the activation.
#[inline(always)]
fn finish(outputs: &mut [f32], sums: &FloatRow, bias: &FloatRow, bounds: Bounds) {
    let mut finished = [0f32; LANES];
    for ((output, sum), bias) in finished.iter_mut().zip(sums).zip(bias) {
        *output = bounds.apply(sum + bias);
    }
    match outputs.first_chunk_mut::<LANES>() {
        Some(outputs) => *outputs = finished,
        None => {
            for (output, value) in outputs.iter_mut().zip(finished) {
                *output = value;
            }
        }
    }
}
