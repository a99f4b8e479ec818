//! softmax: the fixed-point functions of `docs/numerics.md`, and for float32 the real one.

use super::Approximation;
use super::fixed_point::{rdpot, srdhm, twice};
use crate::case::{Attributes, Case};

/// The output, of which every element is also within one step of the real softmax.
pub fn int8(case: &Case) -> Vec<i8> {
    let Attributes::Softmax(record) = &case.attributes else { panic!("there are parameters") };
    // The scale of the input that the parameters stand for.
    let scale = f64::from(record.multiplier) * f64::from(record.shift - 31 - 26).exp2();
    let rows = case.inputs[0].values.int8().chunks(case.output.dims[3] as usize);
    rows.flat_map(|row| {
        let largest = i32::from(*row.iter().max().expect("a row is not empty"));
        let differences: Vec<i32> = row.iter().map(|&x| i32::from(x) - largest).collect();
        let exponential = |&difference: &i32| {
            (difference >= record.lowest_difference)
                .then(|| exp_neg(twice(difference, record.multiplier, record.shift)))
        };
        let sum: i32 = differences.iter().filter_map(exponential).map(|value| rdpot(value, 12)).sum();
        let headroom = sum.leading_zeros();
        let reciprocal = recip(((i64::from(sum) << headroom) - (1 << 31)) as i32);
        let real_sum: f64 = differences.iter().map(|&d| (f64::from(d) * scale).exp()).sum();
        differences
            .iter()
            .map(|difference| {
                let value = exponential(difference).map_or(-128, |value| {
                    (rdpot(srdhm(reciprocal, value), 12 + 23 - headroom) - 128).clamp(-128, 127)
                });
                let real = 256.0 * (f64::from(*difference) * scale).exp() / real_sum - 128.0;
                assert!((f64::from(value) - real.min(127.0)).abs() <= 1.0, "{value} for {real}");
                value as i8
            })
            .collect::<Vec<_>>()
    })
    .collect()
}

/// e^a for `a` ≤ 0 in Q5.26.
fn exp_neg(a: i32) -> i32 {
    const FACTORS: [(u32, i32); 7] = [
        (24, 1672461947),
        (25, 1302514674),
        (26, 790015084),
        (27, 290630308),
        (28, 39332535),
        (29, 720401),
        (30, 242),
    ];
    if a == 0 {
        return i32::MAX;
    }
    let quarter = 1 << 24;
    let fraction = a.rem_euclid(quarter) - quarter;
    let remainder = fraction - a;
    let mut result = exp_interval(fraction * 32);
    for (bit, factor) in FACTORS {
        if remainder >> bit & 1 == 1 {
            result = srdhm(result, factor);
        }
    }
    result
}

/// e^a for `a` in [−1/4, 0) in Q0.31.
fn exp_interval(a: i32) -> i32 {
    let x = a + (1 << 28);
    let x2 = srdhm(x, x);
    let (x3, x4) = (srdhm(x2, x), srdhm(x2, x2));
    let t = rdpot(srdhm(rdpot(x4, 2) + x3, 715827883) + x2, 1);
    1895147668 + srdhm(1895147668, x + t)
}

/// 1 / (1 + a) in Q0.31.
fn recip(a: i32) -> i32 {
    let half = ((i64::from(a) + (1 << 31)) / 2) as i32;
    let mut x = 1515870810 + srdhm(half, -1010580540);
    for _ in 0..3 {
        let product = srdhm(half, x);
        x += srdhm(x, (1 << 29) - product).saturating_mul(4);
    }
    x.saturating_mul(2)
}

pub fn float32(case: &Case) -> Vec<Approximation> {
    let rows = case.inputs[0].values.float32().chunks(case.output.dims[3] as usize);
    rows.flat_map(|row| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let differences: Vec<f64> = row.iter().map(|&x| f64::from(x) - f64::from(largest)).collect();
        let sum: f64 = differences.iter().map(|difference| difference.exp()).sum();
        // A difference is rounded once, which changes its exponential by as much as it is large.
        let worst = differences.iter().fold(0.0, |worst: f64, difference| worst.max(-difference)).min(110.0);
        let roundings = row.len() + 8 + 2 * worst as usize;
        differences
            .iter()
            .map(|difference| {
                let value = difference.exp() / sum;
                Approximation::new(value, roundings, value)
            })
            .collect::<Vec<_>>()
    })
    .collect()
}
