//! Depthwise convolutions with VPDPBUSD on 512-bit vectors: four kernel rows of a channel make a word.

use core::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_mask_storeu_epi32, _mm512_maskz_loadu_epi8,
    _mm512_permutexvar_epi32, _mm512_set1_epi8, _mm512_setr_epi32, _mm512_storeu_si512, _mm512_unpackhi_epi8,
    _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16, _mm512_xor_si512,
};

use super::depthwise_layout::Depthwise;
use super::requantize_avx512::{Channels, FAST, Kind, LANES, RECTIFIED, Requantization, SLOW, store};
use super::sequences::Sequence;

/// Values that are interleaved at once.
const VALUES: usize = 64;

/// Interleaves four rows of values, raised by 128: a word for the values at one place. `border` stands for a row that is missing.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn fill(lines: &[Option<&[i8]>; 4], border: i8, words: &mut [i32]) {
    if lines.iter().flatten().any(|line| line.len() < words.len()) {
        return;
    }
    let missing = [border; VALUES];
    // Where the values of a part begin, and those of the next one behind them.
    let row = |line: Option<&[i8]>| line.map_or((missing.as_ptr(), 0), |line| (line.as_ptr(), VALUES));
    let [a, b, c, d] = *lines;
    let (mut a, mut b, mut c, mut d) = (row(a), row(b), row(c), row(d));
    let (parts, rest) = words.as_chunks_mut::<VALUES>();
    for words in parts {
        // SAFETY: the rows are as long as the words, or have one part that is always the same.
        let values = unsafe { [load(a.0), load(b.0), load(c.0), load(d.0)] };
        let (quarters, _) = words.as_chunks_mut::<LANES>();
        for (words, quarter) in quarters.iter_mut().zip(interleave(values)) {
            // SAFETY: sixteen words.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), quarter) };
        }
        for (row, step) in [&mut a, &mut b, &mut c, &mut d] {
            *row = row.wrapping_add(*step);
        }
    }
    if rest.is_empty() {
        return;
    }
    let mask = u64::MAX >> (VALUES - rest.len());
    // SAFETY: the mask has a bit for each of the values that are left.
    let load = |row| unsafe { _mm512_maskz_loadu_epi8(mask, row) };
    let values = [load(a.0), load(b.0), load(c.0), load(d.0)];
    for (words, quarter) in rest.chunks_mut(LANES).zip(interleave(values)) {
        let mask = u16::MAX >> (LANES - words.len());
        // SAFETY: the mask has a bit for each word.
        unsafe { _mm512_mask_storeu_epi32(words.as_mut_ptr(), mask, quarter) };
    }
}

/// # Safety
/// There are [`VALUES`] values.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(values: *const i8) -> __m512i {
    // SAFETY: the caller's condition; the load needs no alignment.
    unsafe { _mm512_loadu_si512(values.cast()) }
}

/// Values raised by 128, in the order in which unpacking, which works on quarters of a vector, gives words in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn raise(values: __m512i) -> __m512i {
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_xor_si512(_mm512_permutexvar_epi32(order, values), _mm512_set1_epi8(i8::MIN))
}

/// Words of four rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn interleave([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (a, b, c, d) = (raise(a), raise(b), raise(c), raise(d));
    let (ab_low, ab_high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(ab_low, cd_low),
        _mm512_unpackhi_epi16(ab_low, cd_low),
        _mm512_unpacklo_epi16(ab_high, cd_high),
        _mm512_unpackhi_epi16(ab_high, cd_high),
    ]
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
    let channels = unsafe { Channels::load(place.constants) }.for_kind::<KIND>();
    for row in 0..place.rows {
        let mut words = place.words.wrapping_add(row * place.row_words);
        let mut output = place.output.wrapping_add(row * place.row_values);
        let mut left = place.values;
        for _ in 0..place.count {
            let outputs = requantization.of_convolution::<KIND>(add(channels.start, words), &channels);
            // SAFETY: the vector has so many outputs.
            unsafe { store(output, outputs, left) };
            words = words.wrapping_add(layout.steps[0]);
            output = output.wrapping_add(layout.steps[1]);
            left = left.wrapping_sub(place.lost);
        }
    }
}
