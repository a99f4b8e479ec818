//! Depthwise convolutions with VPDPBUSD on 512-bit vectors: four kernel rows of a channel make a word.

use core::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_mask_storeu_epi32, _mm512_maskz_loadu_epi8,
    _mm512_permutexvar_epi32, _mm512_set1_epi8, _mm512_setr_epi32, _mm512_storeu_si512, _mm512_unpackhi_epi8,
    _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16, _mm512_xor_si512,
};

use super::layout::Depthwise;
use super::requantize_avx512::{Channels, FAST, Kind, LANES, RECTIFIED, Requantization, SLOW, store};
use super::sequences::Sequence;

/// Interleaves four rows of values, raised by 128: a word for the values at one place. `border` stands for a row that is missing.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn fill(lines: &[Option<&[i8]>; 4], border: i8, words: &mut [i32]) {
    const VALUES: usize = 64;
    // Unpacking works on quarters of a vector; the words of a row change places first so that the results are in order.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let raise = _mm512_set1_epi8(i8::MIN);
    let missing = _mm512_set1_epi8(border);
    for (part, words) in words.chunks_mut(VALUES).enumerate() {
        let count = words.len();
        let mask = u64::MAX >> (VALUES - count);
        let row = |index: usize| {
            let line: Option<&[i8]> = lines[index & 3];
            let values = match line.and_then(|line| line.get(part * VALUES..)?.get(..count)) {
                // SAFETY: the mask has a bit for each of `count` values.
                Some(values) => unsafe { _mm512_maskz_loadu_epi8(mask, values.as_ptr()) },
                None => missing,
            };
            _mm512_xor_si512(_mm512_permutexvar_epi32(order, values), raise)
        };
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let (ab_low, ab_high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
        let quarters = [
            _mm512_unpacklo_epi16(ab_low, cd_low),
            _mm512_unpackhi_epi16(ab_low, cd_low),
            _mm512_unpacklo_epi16(ab_high, cd_high),
            _mm512_unpackhi_epi16(ab_high, cd_high),
        ];
        for (words, quarter) in words.chunks_mut(LANES).zip(quarters) {
            if words.len() == LANES {
                // SAFETY: sixteen words.
                unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), quarter) };
            } else {
                // SAFETY: the mask has a bit for each word.
                unsafe { _mm512_mask_storeu_epi32(words.as_mut_ptr(), (1u16 << words.len()) - 1, quarter) };
            }
        }
    }
}

/// Computes a sequence.
///
/// # Safety
/// The sequence lies in its memory, as [`super::sequences::for_each_row`] makes sure.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply(layout: &Depthwise, requantization: &Requantization, place: &Sequence) {
    // SAFETY: the caller's condition.
    unsafe {
        match requantization.kind {
            Kind::Slow => taps::<SLOW>(layout, requantization, place),
            Kind::Fast => taps::<FAST>(layout, requantization, place),
            Kind::Rectified => taps::<RECTIFIED>(layout, requantization, place),
        }
    }
}

/// # Safety
/// As [`multiply`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn taps<const KIND: u8>(layout: &Depthwise, requantization: &Requantization, place: &Sequence) {
    let weights = place.weights.cast::<__m512i>();
    // SAFETY: the sequence has weights for every plane and tap.
    let weight = |index: usize| unsafe { _mm512_loadu_si512(weights.add(index)) };
    // SAFETY: a tap of a vector lies in its plane, which has a vector more than it needs.
    let load = |words: *const i32| unsafe { _mm512_loadu_si512(words.cast()) };
    // SAFETY: every function gets the first tap of a vector.
    unsafe {
        if layout.planes == 1 && layout.taps == 3 {
            let [first, second, third] = [weight(0), weight(1), weight(2)];
            each::<KIND>(layout, requantization, place, |sums, words| {
                let sums = _mm512_dpbusd_epi32(sums, load(words), first);
                let sums = _mm512_dpbusd_epi32(sums, load(words.wrapping_add(layout.tap_words)), second);
                _mm512_dpbusd_epi32(sums, load(words.wrapping_add(2 * layout.tap_words)), third)
            });
        } else {
            each::<KIND>(layout, requantization, place, |sums, words| {
                let mut sums = sums;
                for plane in 0..layout.planes {
                    for tap in 0..layout.taps {
                        let words = words.wrapping_add(plane * place.plane_words + tap * layout.tap_words);
                        sums = _mm512_dpbusd_epi32(sums, load(words), weight(plane * layout.taps + tap));
                    }
                }
                sums
            });
        }
    }
}

/// Requantizes what `add` adds to the sums of each vector.
///
/// # Safety
/// As [`multiply`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn each<const KIND: u8>(
    layout: &Depthwise,
    requantization: &Requantization,
    place: &Sequence,
    add: impl Fn(__m512i, *const i32) -> __m512i,
) {
    // SAFETY: the sequence has the constants of its channels.
    let channels = unsafe { Channels::load(place.constants) };
    let (mut words, mut output, mut left) = (place.words, place.output, place.values);
    for _ in 0..place.count {
        let outputs = requantization.of_convolution::<KIND>(add(channels.start, words), &channels);
        // SAFETY: the vector has so many outputs.
        unsafe { store(output, outputs, left) };
        words = words.wrapping_add(layout.steps[0]);
        output = output.wrapping_add(layout.steps[1]);
        left = left.wrapping_sub(place.lost);
    }
}
