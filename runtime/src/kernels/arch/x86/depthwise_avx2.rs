//! Depthwise convolutions with VPMADDWD on 256-bit vectors: two kernel rows of a channel make a word.

use core::arch::x86_64::{__m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16};

use super::depthwise_layout::Depthwise;
use super::requantize_avx2::{Channels, Requantization, store};
use super::sequences::Sequence;

/// Interleaves two rows of values: a word for the values at one place. `border` stands for a row that is missing.
#[target_feature(enable = "avx2")]
pub(super) fn fill(lines: &[Option<&[i8]>; 4], border: i8, words: &mut [i32]) {
    let word = |low: i8, high: i8| i32::from(low) & 0xffff | i32::from(high) << 16;
    match lines {
        [Some(low), Some(high), ..] => {
            for ((word_of, &low), &high) in words.iter_mut().zip(*low).zip(*high) {
                *word_of = word(low, high);
            }
        }
        [Some(low), None, ..] => {
            for (word_of, &low) in words.iter_mut().zip(*low) {
                *word_of = word(low, border);
            }
        }
        [None, Some(high), ..] => {
            for (word_of, &high) in words.iter_mut().zip(*high) {
                *word_of = word(border, high);
            }
        }
        [None, None, ..] => words.fill(word(border, border)),
    }
}

/// Computes a sequence.
///
/// # Safety
/// The sequence lies in its memory, as [`super::sequences::for_each_row`] makes sure.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn multiply(layout: &Depthwise, requantization: &Requantization, place: &Sequence) {
    // SAFETY: the caller's condition.
    unsafe {
        if requantization.is_fast {
            taps::<true>(layout, requantization, place);
        } else {
            taps::<false>(layout, requantization, place);
        }
    }
}

/// # Safety
/// As [`multiply`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn taps<const FAST: bool>(layout: &Depthwise, requantization: &Requantization, place: &Sequence) {
    // SAFETY: the sequence has weights for every plane and tap.
    let weight = |index: usize| unsafe { _mm256_loadu_si256(place.weights.cast::<__m256i>().add(index)) };
    // SAFETY: a tap of a vector lies in its plane, which has a vector more than it needs.
    let load = |words: *const i32| unsafe { _mm256_loadu_si256(words.cast()) };
    // SAFETY: the sequence has the constants of its channels.
    let channels = unsafe { Channels::load(place.constants) };
    for row in 0..place.rows {
        let mut first = place.words.wrapping_add(row * place.row_words);
        let mut output = place.output.wrapping_add(row * place.row_values);
        let mut left = place.values;
        for _ in 0..place.count {
            let mut sums = channels.start;
            for plane in 0..layout.planes {
                for tap in 0..layout.taps {
                    let words = first.wrapping_add(plane * place.plane_words + tap * layout.tap_words);
                    let weights = weight(plane * layout.taps + tap);
                    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(load(words), weights));
                }
            }
            // SAFETY: the vector has so many outputs.
            unsafe { store(output, requantization.outputs::<FAST>(sums, &channels), left) };
            first = first.wrapping_add(layout.steps[0]);
            output = output.wrapping_add(layout.steps[1]);
            left = left.wrapping_sub(place.lost);
        }
    }
}
