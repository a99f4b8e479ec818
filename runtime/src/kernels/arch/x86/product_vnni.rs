//! Tiles of convolutions and fully connected layers with VPDPBUSD on 512-bit vectors.
//!
//! The instruction multiplies unsigned with signed bytes: values of the input are raised by 128, and what that adds
//! to the sums is taken away in what they start with. It wraps where VPDPBUSDS would saturate, and so do the sums of
//! the portable kernels.

use core::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
};
use core::mem::MaybeUninit;

use super::layout::{CONSTANTS, Layout};
use super::requantize_avx512::{Channels, FAST, Kind, LANES, RECTIFIED, Requantization, SLOW, start, store};
use super::tiles::{Product, Tile};

/// Most sums of a tile.
const SUMS: usize = 24;

/// A function that writes the sums of a tile, those of one vector of channels after the other.
type Accumulate = unsafe fn(&Layout, &Tile, &mut [MaybeUninit<__m512i>; SUMS]);

/// Tiles of one vector of channels, by columns.
#[rustfmt::skip]
const ONE: [Accumulate; 12] = [
    sums::<1, 1>, sums::<1, 2>, sums::<1, 3>, sums::<1, 4>, sums::<1, 5>, sums::<1, 6>,
    sums::<1, 7>, sums::<1, 8>, sums::<1, 9>, sums::<1, 10>, sums::<1, 11>, sums::<1, 12>,
];
/// Tiles of two vectors of channels.
#[rustfmt::skip]
const TWO: [Accumulate; 12] = [
    sums::<2, 1>, sums::<2, 2>, sums::<2, 3>, sums::<2, 4>, sums::<2, 5>, sums::<2, 6>,
    sums::<2, 7>, sums::<2, 8>, sums::<2, 9>, sums::<2, 10>, sums::<2, 11>, sums::<2, 12>,
];
/// Tiles of four vectors of channels.
const FOUR: [Accumulate; 5] = [sums::<4, 1>, sums::<4, 2>, sums::<4, 3>, sums::<4, 4>, sums::<4, 5>];

/// Computes a tile.
///
/// # Safety
/// The tile lies in its memory, as [`super::tiles::for_each_tile`] makes sure.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply(product: &Product, requantization: &Requantization, tile: &Tile) {
    let by_columns: &[Accumulate] = match tile.panels {
        1 => &ONE,
        2 => &TWO,
        _ => &FOUR,
    };
    let Some(accumulate) = by_columns.get(tile.columns.wrapping_sub(1)) else { return };
    let mut sums = [const { MaybeUninit::uninit() }; SUMS];
    // SAFETY: the caller's condition.
    unsafe { accumulate(&product.layout, tile, &mut sums) };
    // SAFETY: `accumulate` has written the sums of every panel and column; otherwise as above.
    unsafe {
        match requantization.kind {
            Kind::Slow => finish::<SLOW>(product, requantization, tile, &sums),
            Kind::Fast => finish::<FAST>(product, requantization, tile, &sums),
            Kind::Rectified => finish::<RECTIFIED>(product, requantization, tile, &sums),
        }
    }
}

/// Requantizes the sums of a tile.
///
/// # Safety
/// As [`multiply`]; the sums of every panel and column are written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn finish<const KIND: u8>(
    product: &Product,
    requantization: &Requantization,
    tile: &Tile,
    sums: &[MaybeUninit<__m512i>; SUMS],
) {
    let mut sums = sums.iter();
    for panel in 0..tile.panels {
        // SAFETY: the tile has the constants of so many vectors.
        let channels = unsafe { Channels::load(tile.constants.add(panel * CONSTANTS * LANES)) };
        let channels = channels.for_kind::<KIND>();
        let left = tile.channels.saturating_sub(panel * LANES);
        let mut output = tile.output.wrapping_add(panel * LANES);
        for sums in sums.by_ref().take(tile.columns) {
            // SAFETY: the caller's condition; the tile has these channels of every column.
            unsafe {
                store(output, requantization.of_convolution::<KIND>(sums.assume_init(), &channels), left);
            };
            output = output.wrapping_add(product.output_stride);
        }
    }
}

/// The sums of `PANELS` vectors of channels and `COLUMNS` columns.
///
/// # Safety
/// As [`multiply`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn sums<const PANELS: usize, const COLUMNS: usize>(
    layout: &Layout,
    tile: &Tile,
    results: &mut [MaybeUninit<__m512i>; SUMS],
) {
    let column_bytes = layout.column_bytes;
    let mut sums = [[_mm512_setzero_si512(); COLUMNS]; PANELS];
    for (panel, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the tile has the constants of so many vectors.
        *sums = [unsafe { start(tile.constants.add(panel * CONSTANTS * LANES)) }; COLUMNS];
    }
    let mut weights = tile.weights.cast::<__m512i>();
    for row in 0..layout.rows {
        for tap in 0..layout.taps {
            let mut words = tile.image.wrapping_add(row * layout.row_bytes + tap * layout.tap_bytes);
            for _ in 0..layout.words {
                // SAFETY: the tile has the weights of every row, tap and word.
                let of_panels: [__m512i; PANELS] =
                    core::array::from_fn(|panel| unsafe { _mm512_loadu_si512(weights.add(panel)) });
                for column in 0..COLUMNS {
                    // SAFETY: the column sees this word.
                    let word = unsafe { words.add(column * column_bytes).cast::<i32>().read_unaligned() };
                    let word = _mm512_set1_epi32(word);
                    for (sums, weights) in sums.iter_mut().zip(of_panels) {
                        sums[column] = _mm512_dpbusd_epi32(sums[column], word, weights);
                    }
                }
                weights = weights.wrapping_add(PANELS);
                words = words.wrapping_add(4);
            }
        }
    }
    for (result, sums) in results.iter_mut().zip(sums.as_flattened()) {
        result.write(*sums);
    }
}

/// `PANELS` vectors of channels times one vector of `words` words.
///
/// # Safety There are so many words, `PANELS` vectors of weights for each, constants for `PANELS` vectors of
/// channels, and `count` outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn dense<const PANELS: usize>(
    requantization: &Requantization,
    words: &[[u8; 4]],
    weights: *const u8,
    constants: *const i32,
    output: *mut i8,
    count: usize,
) {
    let mut sums = [_mm512_setzero_si512(); PANELS];
    let mut weights = weights.cast::<__m512i>();
    for word in words {
        let word = _mm512_set1_epi32(i32::from_le_bytes(*word));
        for (panel, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's condition.
            let weights = unsafe { _mm512_loadu_si512(weights.add(panel)) };
            *sums = _mm512_dpbusd_epi32(*sums, word, weights);
        }
        weights = weights.wrapping_add(PANELS);
    }
    for (panel, sums) in sums.into_iter().enumerate() {
        // SAFETY: the caller's condition.
        let channels = unsafe { Channels::load(constants.add(panel * CONSTANTS * LANES)) };
        let sums = core::arch::x86_64::_mm512_add_epi32(sums, channels.start);
        let outputs = requantization.of_dense(sums, &channels);
        // SAFETY: the caller's condition.
        unsafe { store(output.add(panel * LANES), outputs, count.saturating_sub(panel * LANES)) };
    }
}
