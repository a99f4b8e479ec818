//! Multipliers of fully connected layers.
//!
//! LiteRT multiplies a sum by an f64 and rounds once. The runtime multiplies by a 31-bit integer and rounds once. Both
//! are odd and do not fall as the sum grows, so they agree on all sums if they reach each of the at most 255 steps of
//! the output at the same sum. Each step bounds the integer from below (it is reached there) and from above (it is not
//! reached by the sum before): either one integer satisfies all bounds, or none does.

use super::multiplier::Multiplier;

/// The sums that a channel can reach and the outputs that it can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Lowest sum, bias included.
    pub least_sum: i64,
    /// Highest sum, bias included.
    pub greatest_sum: i64,
    /// Lowest output minus the zero point.
    pub low: i32,
    /// Highest output minus the zero point.
    pub high: i32,
}

/// The multiplier nearest to `start` that gives LiteRT's outputs for all sums in the range, or `None` if there is none.
pub(super) fn exact(start: Multiplier, factor: f64, range: Range) -> Option<Multiplier> {
    if start.multiplier == 0 {
        return Some(start);
    }
    let bound = |step: i64| (i128::from(2 * step - 1) << (31 - start.shift)) / 2;
    let (mut least, mut greatest) = (1i128 << 30, i128::from(i32::MAX));
    let sides = [
        (range.least_sum, range.greatest_sum, range.high),
        (-range.greatest_sum, -range.least_sum, -range.low),
    ];
    for (from, to, steps) in sides {
        let (from, to) = (from.max(0), to.min(-i64::from(i32::MIN)));
        // Where a scaled sum leaves 32 bits, both round and saturate in ways of their own.
        if to as f64 * factor >= f64::from(i32::MAX - 256) {
            return None;
        }
        for step in 1..=i64::from(steps) {
            // first · multiplier ≥ (step − ½) · 2^(31 − shift) > last · multiplier
            let first = first_reaching(step, to, factor).map(|first| first.max(from));
            let last = first.map_or(to, |first| first - 1);
            if let Some(first) = first {
                least = least.max((bound(step) + i128::from(first) - 1) / i128::from(first));
            }
            if last >= from.max(1) {
                greatest = greatest.min((bound(step) - 1) / i128::from(last));
            }
            if first.is_none() {
                break;
            }
        }
    }
    let multiplier = i128::from(start.multiplier).clamp(least, greatest.max(least));
    (multiplier <= greatest).then_some(Multiplier { multiplier: multiplier as i32, ..start })
}

/// The least sum in 1 to `limit` that is scaled to `step` or more.
fn first_reaching(step: i64, limit: i64, factor: f64) -> Option<i64> {
    if limit <= 0 || scale(limit, factor) < step {
        return None;
    }
    let (mut below, mut reaching) = (0, limit);
    while reaching - below > 1 {
        let middle = below + (reaching - below) / 2;
        if scale(middle, factor) >= step { reaching = middle } else { below = middle }
    }
    Some(reaching)
}

/// LiteRT's way for sums that are not negative: one product in f64, rounded half away from zero.
fn scale(sum: i64, factor: f64) -> i64 {
    (sum as f64 * factor).round() as i64
}

#[cfg(test)]
mod tests {
    use dunlin_runtime::fixed_point::scale_rounding_once;

    use super::*;

    /// As `scale`, for all sums, in LiteRT's own order of operations.
    fn reference(sum: i32, factor: f64) -> i32 {
        let product = f64::from(sum) * factor;
        let whole = product as i64;
        let rest = product - whole as f64;
        (whole + i64::from(rest >= 0.5) - i64::from(rest <= -0.5)).clamp(i32::MIN.into(), i32::MAX.into())
            as i32
    }

    fn clamped(value: i32, range: Range) -> i32 {
        value.clamp(range.low, range.high)
    }

    fn disagreements(multiplier: Multiplier, factor: f64, range: Range) -> Option<i64> {
        (range.least_sum..=range.greatest_sum).find(|&sum| {
            let found = scale_rounding_once(sum as i32, multiplier.multiplier, multiplier.shift);
            clamped(found, range) != clamped(reference(sum as i32, factor), range)
        })
    }

    /// Factors for which the nearest multiplier fails, found by putting a sum next to a tie.
    fn near_ties() -> impl Iterator<Item = (f64, Range)> {
        let mut state = 1u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        })
        .scan((), |(), value| Some(value))
        .map(|value| {
            let sum = 2_000 + (value % 60_000) as i64;
            let step = 1 + (value >> 16) as i64 % 90;
            let nudge = if value & 1 == 0 { f64::EPSILON } else { -f64::EPSILON };
            let factor = (step as f64 - 0.5) / sum as f64 * (1.0 + nudge);
            let zero_point = (value >> 8) as i32 % 90;
            let range = Range {
                least_sum: -70_000,
                greatest_sum: 65_000,
                low: -128 - zero_point,
                high: 127 - zero_point,
            };
            (factor, range)
        })
    }

    #[test]
    fn an_exact_multiplier_agrees_on_every_sum() {
        let (mut repaired, mut impossible) = (0, 0);
        for (factor, range) in near_ties().take(60) {
            let nearest = Multiplier::of(factor).unwrap();
            let wrong = disagreements(nearest, factor, range);
            match exact(nearest, factor, range) {
                Some(multiplier) => {
                    assert_eq!(disagreements(multiplier, factor, range), None, "factor {factor:e}");
                    assert_eq!(wrong.is_none(), multiplier == nearest, "factor {factor:e}");
                    repaired += usize::from(wrong.is_some());
                }
                None => {
                    impossible += 1;
                    let neighbours = (-40..=40)
                        .map(|step| Multiplier { multiplier: nearest.multiplier + step, ..nearest });
                    assert!(
                        neighbours.into_iter().all(|other| disagreements(other, factor, range).is_some())
                    );
                }
            }
        }
        assert!(repaired > 5, "{repaired} repaired, {impossible} impossible");
    }
}
