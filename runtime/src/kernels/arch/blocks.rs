//! The walk over columns and blocks, for families that differ only in how they multiply and requantize one block.
//!
//! Everything here is inlined into functions that are compiled for the family's instruction set.

use super::{Depthwise, Gemm, OutputQuantization, PADDING};
use crate::format::{ChannelBlock, LANES, WeightCell};

/// Columns that are multiplied at once, so that a block of weights is loaded once for all of them.
pub(super) const COLUMNS: usize = 4;

/// `N` columns of equally many cells.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, const N: usize> {
    // Each one has `cells` elements.
    columns: [&'a [[i8; 4]]; N],
    cells: usize,
}

impl<'a, const N: usize> Columns<'a, N> {
    /// Columns `first` to `first + N − 1` of a job; the last one of the job stands in for those behind it.
    #[inline(always)]
    fn of(job: &Gemm<'a>, first: usize) -> Option<Columns<'a, N>> {
        let mut columns = [[].as_slice(); N];
        let last = job.count.saturating_sub(1);
        for (offset, column) in columns.iter_mut().enumerate() {
            let start = first.wrapping_add(offset).min(last).wrapping_mul(job.column_stride);
            *column = job.columns.get(start..)?.as_chunks::<4>().0.get(..job.cells)?;
        }
        Some(Columns { columns, cells: job.cells })
    }

    /// Column `index` of N.
    #[inline(always)]
    #[allow(dead_code, reason = "not every family needs it")]
    pub fn column(&self, index: usize) -> &'a [[i8; 4]] {
        self.columns.get(index).copied().unwrap_or_default()
    }

    /// The cells of all columns side by side.
    #[inline(always)]
    #[allow(dead_code, reason = "not every family needs it")]
    pub fn iter(&self) -> impl Iterator<Item = [&'a [i8; 4]; N]> + use<'a, N> {
        let columns = self.columns;
        // SAFETY: every column has `cells` elements, as `of` has made sure.
        (0..self.cells).map(move |cell| columns.map(|column| unsafe { column.get_unchecked(cell) }))
    }
}

impl<'a, const N: usize> Columns<'a, N> {
    /// The whole groups of four cells of all columns side by side.
    #[inline(always)]
    #[allow(dead_code, reason = "not every family needs it")]
    pub fn spans(&self) -> impl Iterator<Item = [&'a [[i8; 4]; 4]; N]> + use<'a, N> {
        let spans = self.columns.map(|column| column.as_chunks::<4>().0);
        // SAFETY: every column has `cells` elements, and so this many groups of four.
        (0..self.cells / 4).map(move |span| spans.map(|spans| unsafe { spans.get_unchecked(span) }))
    }
}

/// The outputs of `N` columns: the channels that are left to be written.
pub(super) type Pixels<'a, const N: usize> = [&'a mut [i8]; N];

/// Eight channels of a matrix product.
pub(super) struct Block<'a> {
    pub cells: &'a [WeightCell],
    pub channels: &'a ChannelBlock,
}

/// The blocks of a job, in the order of the output channels.
#[inline(always)]
pub(super) fn blocks<'a>(job: &Gemm<'a>) -> impl Iterator<Item = Block<'a>> {
    let blocks = job.weights.chunks_exact(job.cells.max(1)).zip(job.channels);
    blocks.map(|(cells, channels)| Block { cells, channels })
}

/// Writes the next eight channels of each pixel, or as many as it has left.
#[inline(always)]
pub(super) fn write<const N: usize>(pixels: &mut Pixels<'_, N>, outputs: [[i8; LANES]; N]) {
    for (pixel, outputs) in pixels.iter_mut().zip(outputs) {
        let rest = core::mem::take(pixel);
        let Some((now, later)) = rest.split_at_mut_checked(rest.len().min(LANES)) else { return };
        *pixel = later;
        if let Some(now) = now.first_chunk_mut::<LANES>() {
            *now = outputs;
        } else {
            for (output, value) in now.iter_mut().zip(outputs) {
                *output = value;
            }
        }
    }
}

/// Splits the columns of a job into tiles of [`COLUMNS`] and of one. A tile function multiplies its columns with all blocks.
#[inline(always)]
pub(super) fn gemm(
    job: &Gemm<'_>,
    output: &mut [i8],
    four: impl Fn(Columns<'_, COLUMNS>, Pixels<'_, COLUMNS>),
    one: impl Fn(Columns<'_, 1>, Pixels<'_, 1>),
) {
    let mut outputs = output.chunks_mut(job.output_stride.max(1));
    let mut pixel = || -> &mut [i8] {
        outputs.next().and_then(|pixel| pixel.get_mut(..job.output_channels)).unwrap_or_default()
    };
    let mut first = 0;
    while first < job.count {
        let left = job.count - first;
        if left == 1 {
            let Some(columns) = Columns::of(job, first) else { return };
            one(columns, [pixel()]);
        } else {
            let Some(columns) = Columns::of(job, first) else { return };
            let mut pixels: Pixels<'_, COLUMNS> = [&mut [], &mut [], &mut [], &mut []];
            for outputs in pixels.iter_mut().take(left) {
                *outputs = pixel();
            }
            four(columns, pixels);
        }
        first += COLUMNS.min(left);
    }
}

/// Requantizes the sums of a block, one after the other.
#[inline(always)]
#[allow(dead_code, reason = "families with vectors have a way of their own")]
pub(super) fn requantize(
    quantization: &OutputQuantization,
    channels: &ChannelBlock,
    sums: &[i32; LANES],
) -> [i8; LANES] {
    let mut outputs = [0; LANES];
    for (lane, (output, &sum)) in outputs.iter_mut().zip(sums).enumerate() {
        *output = quantization.requantize(sum, channels, lane);
    }
    outputs
}

/// The taps of eight channels of a pixel.
pub(super) struct Taps<'a> {
    /// Weights of each tap.
    pub lines: &'a [[i8; LANES]],
    pub channels: &'a ChannelBlock,
    taps: &'a [i32],
    input: &'a [i8],
    first_channel: usize,
    padding: i8,
}

impl Taps<'_> {
    /// Weights and values of all taps.
    #[inline(always)]
    #[allow(dead_code, reason = "not every family takes single taps")]
    pub fn iter(&self) -> impl Iterator<Item = (&[i8; LANES], [i8; LANES])> {
        self.lines.iter().zip(self.taps).map(|(line, &tap)| (line, self.values(tap, 0)))
    }

    /// Weights and values of two taps at a time; the last one of an odd number has no partner.
    #[inline(always)]
    #[allow(dead_code, reason = "not every family takes pairs")]
    pub fn pairs(&self) -> impl Iterator<Item = [(&[i8; LANES], [i8; LANES]); 2]> {
        const NONE: (&[i8; LANES], [i8; LANES]) = (&[0; LANES], [0; LANES]);
        self.lines.chunks(2).zip(self.taps.chunks(2)).map(|(lines, taps)| {
            let mut of_pair = lines.iter().zip(taps).map(|(line, &tap)| (line, self.values(tap, 0)));
            [of_pair.next().unwrap_or(NONE), of_pair.next().unwrap_or(NONE)]
        })
    }

    /// Weights and values of all taps for channels 4 · `half` to 4 · `half` + 3.
    #[inline(always)]
    #[allow(dead_code, reason = "for registers that hold four sums")]
    pub fn quarters(&self, half: usize) -> impl Iterator<Item = ([i8; 4], [i8; 4])> {
        self.lines.iter().zip(self.taps).map(move |(line, &tap)| {
            let weights = line.as_chunks::<4>().0.get(half).copied().unwrap_or_default();
            (weights, self.values(tap, 4 * half))
        })
    }

    /// `N` values of a tap from a channel on: zeros behind the end of the input, where no channel is left either.
    #[inline(always)]
    fn values<const N: usize>(&self, tap: i32, channel: usize) -> [i8; N] {
        if tap == PADDING {
            return [self.padding; N];
        }
        let start = (tap as usize).wrapping_add(self.first_channel).wrapping_add(channel);
        let rest = self.input.get(start..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or_else(|| {
            let mut values = [0; N];
            for (value, &source) in values.iter_mut().zip(rest) {
                *value = source;
            }
            values
        })
    }
}

/// Computes one pixel, eight channels at a time.
#[inline(always)]
pub(super) fn depthwise(
    job: &Depthwise<'_>,
    input: &[i8],
    taps: &[i32],
    output: &mut [i8],
    eight: impl Fn(&Taps<'_>) -> [i8; LANES],
) {
    let padding = job.quantization.input_zero_point as i8;
    let blocks = job.weights.chunks_exact(taps.len().max(1)).zip(job.channels);
    let mut pixel = [output.get_mut(..job.channel_count).unwrap_or_default()];
    for (block, (lines, channels)) in blocks.enumerate() {
        let first_channel = block * LANES;
        let outputs = eight(&Taps { lines, channels, taps, input, first_channel, padding });
        write(&mut pixel, [outputs]);
    }
}
