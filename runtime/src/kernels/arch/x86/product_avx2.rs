//! Tiles of convolutions and fully connected layers with VPMADDWD on 256-bit vectors.
//!
//! Both operands are 16 bits wide: VPMADDUBSW would saturate the sum of two products.

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256,
};
use core::mem::MaybeUninit;

use super::layout::{CONSTANTS, Layout};
use super::requantize_avx2::{Channels, LANES, Requantization, store};
use super::tiles::{Product, Tile};

/// Most sums of a tile.
const SUMS: usize = 10;

/// A function that writes the sums of a tile, those of one vector of channels after the other.
type Accumulate = unsafe fn(&Layout, &Tile, &mut [MaybeUninit<__m256i>; SUMS]);

/// Tiles of one vector of channels, by columns.
const ONE: [Accumulate; 5] = [sums::<1, 1>, sums::<1, 2>, sums::<1, 3>, sums::<1, 4>, sums::<1, 5>];
/// Tiles of two vectors of channels.
const TWO: [Accumulate; 5] = [sums::<2, 1>, sums::<2, 2>, sums::<2, 3>, sums::<2, 4>, sums::<2, 5>];

/// Computes a tile.
///
/// # Safety
/// The tile lies in its memory, as [`super::tiles::for_each_tile`] makes sure.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn multiply(product: &Product, requantization: &Requantization, tile: &Tile) {
    let by_columns = if tile.panels == 1 { &ONE } else { &TWO };
    let Some(accumulate) = by_columns.get(tile.columns.wrapping_sub(1)) else { return };
    let mut sums = [const { MaybeUninit::uninit() }; SUMS];
    // SAFETY: the caller's condition; `accumulate` writes the sums of every panel and column.
    unsafe {
        accumulate(&product.layout, tile, &mut sums);
        if requantization.is_fast {
            finish::<true>(product, requantization, tile, &sums);
        } else {
            finish::<false>(product, requantization, tile, &sums);
        }
    }
}

/// Requantizes the sums of a tile.
///
/// # Safety
/// As [`multiply`]; the sums of every panel and column are written.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn finish<const FAST: bool>(
    product: &Product,
    requantization: &Requantization,
    tile: &Tile,
    sums: &[MaybeUninit<__m256i>; SUMS],
) {
    let mut sums = sums.iter();
    for panel in 0..tile.panels {
        // SAFETY: the tile has the constants of so many vectors.
        let channels = unsafe { Channels::load(tile.constants.add(panel * CONSTANTS * LANES)) };
        let left = tile.channels.saturating_sub(panel * LANES);
        let mut output = tile.output.wrapping_add(panel * LANES);
        for sums in sums.by_ref().take(tile.columns) {
            // SAFETY: the caller's condition; the tile has these channels of every column.
            unsafe {
                let sums = _mm256_add_epi32(sums.assume_init(), channels.start);
                store(output, requantization.outputs::<FAST>(sums, &channels), left);
            }
            output = output.wrapping_add(product.output_stride);
        }
    }
}

/// The sums of `PANELS` vectors of channels and `COLUMNS` columns.
///
/// # Safety
/// As [`multiply`].
#[target_feature(enable = "avx2")]
unsafe fn sums<const PANELS: usize, const COLUMNS: usize>(
    layout: &Layout,
    tile: &Tile,
    results: &mut [MaybeUninit<__m256i>; SUMS],
) {
    let column_bytes = layout.column_bytes;
    let mut sums = [[_mm256_setzero_si256(); COLUMNS]; PANELS];
    let mut weights = tile.weights.cast::<__m256i>();
    for row in 0..layout.rows {
        for tap in 0..layout.taps {
            let mut words = tile.image.wrapping_add(row * layout.row_bytes + tap * layout.tap_bytes);
            for _ in 0..layout.words {
                // SAFETY: the tile has the weights of every row, tap and word.
                let of_panels: [__m256i; PANELS] =
                    core::array::from_fn(|panel| unsafe { _mm256_loadu_si256(weights.add(panel)) });
                for column in 0..COLUMNS {
                    // SAFETY: the column sees this word.
                    let word = unsafe { words.add(column * column_bytes).cast::<i32>().read_unaligned() };
                    let word = _mm256_set1_epi32(word);
                    for (sums, weights) in sums.iter_mut().zip(of_panels) {
                        sums[column] = _mm256_add_epi32(sums[column], _mm256_madd_epi16(word, weights));
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

/// `PANELS` vectors of channels times one vector of `words`. Weights are 8 bits wide.
///
/// # Safety
/// There are `PANELS` vectors of weights for each word, constants for `PANELS` vectors of channels, and `count` outputs.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dense<const PANELS: usize>(
    requantization: &Requantization,
    words: &[[i16; 2]],
    weights: *const u8,
    constants: *const i32,
    output: *mut i8,
    count: usize,
) {
    let mut sums = [_mm256_setzero_si256(); PANELS];
    let mut weights = weights;
    for &[first, second] in words {
        let word = _mm256_set1_epi32(i32::from(first as u16) | i32::from(second) << 16);
        for sums in &mut sums {
            // SAFETY: the caller's condition.
            let of_panel = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(weights.cast()) });
            *sums = _mm256_add_epi32(*sums, _mm256_madd_epi16(word, of_panel));
            weights = weights.wrapping_add(2 * LANES);
        }
    }
    for (panel, sums) in sums.into_iter().enumerate() {
        // SAFETY: the caller's condition.
        let channels = unsafe { Channels::load(constants.add(panel * CONSTANTS * LANES)) };
        let sums = _mm256_add_epi32(sums, channels.start);
        let outputs = requantization.outputs::<false>(sums, &channels);
        // SAFETY: the caller's condition.
        unsafe { store(output.add(panel * LANES), outputs, count.saturating_sub(panel * LANES)) };
    }
}
