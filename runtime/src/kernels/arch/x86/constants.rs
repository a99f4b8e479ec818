//! The constants of output channels, as vectors.
//!
//! For each vector of channels, [`CONSTANTS`] vectors of words: what a sum starts with, multipliers, shifts to the
//! right, and the addends of even and of odd lanes (64 bits each) for the *fast* requantization.
//!
//! With m the multiplier, e > 0 the shift to the right, z the output's zero point, [scale_rounding_twice] of v plus z
//! is `⌊(⌊(v·m + 2³⁰) / 2³¹⌋ + 2^(e−1) − [v < 0] + z·2^e) / 2^e⌋`, and so the addend of `v·m` is
//! `2³⁰ + (2^(e−1) + z·2^e) · 2³¹`. Vectors have no product `v·m` without its low half, but that of 2v: twice this,
//! and the sum is in the high half. [scale_rounding_once] with e = 31 − shift is
//! `⌊(v·m + 2^(e−1) − [v < 0] + z·2^e) / 2^e⌋`. Both hold where nothing overflows, which [`Reach`] decides from the
//! largest sum that the weights allow.
//!
//! [scale_rounding_twice]: crate::fixed_point::scale_rounding_twice
//! [scale_rounding_once]: crate::fixed_point::scale_rounding_once

use super::layout::CONSTANTS;
use crate::format::{ChannelBlock, LANES};
use crate::kernels::arch::{OutputQuantization, Rounding};

/// Which channel a lane of a vector has: index of its block and its lane there.
pub(super) type Source = (usize, usize);

/// The sums that can occur.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Products of a sum.
    pub products: usize,
    /// What a weight of 1 adds more than it should, because the values of the input are unsigned: 128, or 0 where they are not.
    pub raised: i32,
}

/// Constants of one channel.
#[derive(Clone, Copy)]
struct Constant {
    start: i32,
    multiplier: i32,
    right: i32,
    addend: i64,
    is_fast: bool,
}

impl Reach {
    fn constant(&self, channels: &ChannelBlock, lane: usize, quantization: &OutputQuantization) -> Constant {
        let of = |values: &[i32; LANES]| values.get(lane).copied().unwrap_or(0);
        let bias = of(&channels.bias);
        let multiplier = of(&channels.multiplier);
        let right = of(&channels.shift).wrapping_neg();
        let largest = i64::from(bias).abs() + (i64::try_from(self.products).unwrap_or(i64::MAX >> 16) << 14);
        let addend =
            addend(largest, multiplier, right, quantization.output_zero_point, quantization.rounding);
        Constant {
            start: bias.wrapping_sub(of(&channels.weight_sum).wrapping_mul(self.raised)),
            multiplier,
            right,
            addend: addend.unwrap_or(0),
            is_fast: addend.is_some(),
        }
    }

    /// Writes the constants of a vector of channels into `CONSTANTS · lanes` words; `source` says for each lane where
    /// its channel is. Returns whether the fast requantization is exact for all of them.
    pub fn write(
        &self,
        lanes: usize,
        words: &mut [i32],
        channels: &[ChannelBlock],
        quantization: &OutputQuantization,
        source: impl Fn(usize) -> Option<Source>,
    ) -> bool {
        const NONE: Constant = Constant { start: 0, multiplier: 0, right: 1, addend: 0, is_fast: true };
        debug_assert_eq!(words.len(), CONSTANTS * lanes);
        let mut all_fast = true;
        for lane in 0..lanes {
            let constant = source(lane).and_then(|(block, lane)| {
                channels.get(block).map(|channels| self.constant(channels, lane, quantization))
            });
            let Constant { start, multiplier, right, addend, is_fast } = constant.unwrap_or(NONE);
            all_fast &= is_fast;
            // Addends of even lanes first, then those of odd ones, two words each.
            let wide = 3 * lanes + lane % 2 * lanes + lane / 2 * 2;
            let values = [
                (lane, start),
                (lanes + lane, multiplier),
                (2 * lanes + lane, right),
                (wide, addend as i32),
                (wide + 1, (addend >> 32) as i32),
            ];
            for (index, value) in values {
                if let Some(word) = words.get_mut(index) {
                    *word = value;
                }
            }
        }
        all_fast
    }
}

/// The addend for sums of at most `largest`, if the fast requantization is exact for all of them.
pub(super) fn addend(
    largest: i64,
    multiplier: i32,
    right: i32,
    output_zero_point: i32,
    rounding: Rounding,
) -> Option<i64> {
    let zero_point = i64::from(output_zero_point);
    let power = |exponent: i32| 1i64 << exponent;
    match rounding {
        Rounding::Twice if (1..=31).contains(&right) && largest < power(30) => {
            let last = power(right - 1) + zero_point * power(right);
            let scaled = ((largest * i64::from(multiplier)) >> 31) + 2 + last.abs();
            (scaled < power(31)).then_some((last << 32).wrapping_add(power(31)))
        }
        // The zero point is raised by up to 2⁵¹ · 2⁷: it fits.
        Rounding::Once if (-30..=20).contains(&right) && largest < power(30) => {
            let exponent = 31 + right;
            let last = power(exponent - 1) + zero_point * power(exponent);
            let scaled = (largest * i64::from(multiplier)).checked_add(last.abs() + 1)?;
            (scaled >> exponent < power(31)).then_some(last)
        }
        _ => None,
    }
}
