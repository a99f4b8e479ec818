//! A histogram whose memory does not grow with what is counted.

/// Bins on either side of zero.
const BINS: usize = 2048;
/// Values whose bins are computed at once, as vectors.
const AT_ONCE: usize = 64;
/// Places where values of the bin above zero are counted in turn. Half of what a ReLU writes is zero, and a processor adds to
/// one place in memory only as often as it can store there and load again.
const TURNS: usize = 8;

/// Counts of values in bins of equal width, symmetric around zero. The range doubles when a value lies outside, so every value
/// is counted and the result does not depend on how the values were dealt into batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Power of two that the bins reach to, on either side.
    limit: f32,
    /// Counts from −`limit` to +`limit`, and behind them the places of [`TURNS`], which are 0 between calls.
    counts: Vec<u64>,
    low: f32,
    high: f32,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            // Far below any activation that matters: the first values double it to where they are.
            limit: f32::powi(2.0, -20),
            counts: vec![0; 2 * BINS + TURNS],
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts finite values; others are passed over. Returns whether all are finite.
    pub fn add(&mut self, values: &[f32]) -> bool {
        let Some((low, high)) = extremes(values) else {
            for value in values.iter().filter(|value| value.is_finite()) {
                self.add(std::slice::from_ref(value));
            }
            return false;
        };
        self.low = self.low.min(low);
        self.high = self.high.max(high);
        while self.limit < self.low.abs().max(self.high.abs()) && self.limit < f32::MAX / 4.0 {
            self.widen();
        }
        let scale = BINS as f32 / self.limit;
        let (groups, rest) = values.as_chunks::<AT_ONCE>();
        for group in groups {
            let mut places = [0; AT_ONCE];
            for (turn, (place, &value)) in places.iter_mut().zip(group).enumerate() {
                let bin = bin(value, scale);
                *place = bin + if bin == BINS as i32 { (BINS + turn % TURNS) as i32 } else { 0 };
            }
            for [a, b, c, d] in places.as_chunks::<4>().0 {
                self.counts[*a as usize] += 1;
                self.counts[*b as usize] += 1;
                self.counts[*c as usize] += 1;
                self.counts[*d as usize] += 1;
            }
        }
        for &value in rest {
            self.counts[bin(value, scale) as usize] += 1;
        }
        let (bins, turns) = self.counts.split_at_mut(2 * BINS);
        bins[BINS] += turns.iter().sum::<u64>();
        turns.fill(0);
        self.total += values.len() as u64;
        true
    }

    fn widen(&mut self) {
        let mut wider = vec![0; 2 * BINS + TURNS];
        for (bin, count) in self.bins().iter().enumerate() {
            wider[BINS / 2 + bin / 2] += count;
        }
        self.counts = wider;
        self.limit *= 2.0;
    }

    fn bins(&self) -> &[u64] {
        &self.counts[..2 * BINS]
    }

    /// Number of values counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Lowest and highest value counted; (0, 0) if none was.
    pub fn extremes(&self) -> (f32, f32) {
        // Adding 0 takes the sign from a zero: which of two zeros is lower depends on the order of the values.
        if self.total == 0 { (0.0, 0.0) } else { (self.low + 0.0, self.high + 0.0) }
    }

    /// The range that leaves at most `1 − share` of the values outside, half of them on each side, within [`Self::extremes`].
    pub fn percentile(&self, share: f64) -> (f32, f32) {
        let (low, high) = self.extremes();
        let outside = (self.total as f64 * (1.0 - share) / 2.0).floor() as u64;
        let width = self.limit / BINS as f32;
        let edge = |bin: usize| (bin as f32 - BINS as f32) * width;
        let first = first_above(self.bins().iter(), outside).map_or(low, edge);
        let last = first_above(self.bins().iter().rev(), outside).map_or(high, |bin| edge(2 * BINS - bin));
        (first.max(low), last.min(high))
    }

    /// A value that this share of the counted values does not exceed, to the width of a bin.
    pub fn quantile(&self, share: f64) -> f32 {
        let below = (self.total as f64 * share) as u64;
        let width = self.limit / BINS as f32;
        let bin = first_above(self.bins().iter(), below).unwrap_or(2 * BINS - 1);
        (bin as f32 + 1.0 - BINS as f32) * width
    }

    /// Counts in the bins between `edges`, the first and last one open.
    ///
    /// Bins of the histogram that an edge divides are counted where their middle lies.
    pub fn rebin(&self, edges: &[f32]) -> Vec<u64> {
        let width = self.limit / BINS as f32;
        let mut counts = vec![0; edges.len() + 1];
        for (bin, count) in self.bins().iter().enumerate() {
            let middle = (bin as f32 + 0.5 - BINS as f32) * width;
            counts[edges.partition_point(|&edge| edge <= middle)] += count;
        }
        counts
    }
}

/// The bin of a value of which `scale` is the reciprocal of a bin's width; the outermost one for values beyond.
///
/// Compilers make vectors of this, and none of a conversion to integers.
fn bin(value: f32, scale: f32) -> i32 {
    /// In the outermost bin.
    const OUTERMOST: f32 = BINS as f32 - 0.5;
    /// Floats from here on are integers, and their lowest bits are the number.
    const INTEGERS: f32 = 8_388_608.0;
    let width = (value * scale).abs();
    let width = if width < OUTERMOST { width } else { OUTERMOST };
    let rounded = width + INTEGERS;
    let whole = (rounded.to_bits() as i32 & 0x7f_ffff) - i32::from(rounded - INTEGERS > width);
    // !whole is −1 − whole.
    BINS as i32 + if value < 0.0 { !whole } else { whole }
}

/// Lowest and highest of some values; `None` if one of them is not finite.
fn extremes(values: &[f32]) -> Option<(f32, f32)> {
    const LANES: usize = 16;
    let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    // 0 times a number is 0, 0 times anything else is NaN.
    let mut zeros = [0.0; LANES];
    let mut add = |values: &[f32]| {
        for (((low, high), zero), &value) in low.iter_mut().zip(&mut high).zip(&mut zeros).zip(values) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
            *zero += 0.0 * value;
        }
    };
    let (groups, rest) = values.as_chunks::<LANES>();
    groups.iter().for_each(|group| add(group));
    add(rest);
    (zeros == [0.0; LANES]).then(|| {
        (low.into_iter().fold(f32::INFINITY, f32::min), high.into_iter().fold(f32::NEG_INFINITY, f32::max))
    })
}

/// Index of the count with which the sum exceeds `limit`.
fn first_above<'a>(counts: impl Iterator<Item = &'a u64>, limit: u64) -> Option<usize> {
    let sums = counts.scan(0u64, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    sums.enumerate().find(|(_, sum)| *sum > limit).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_do_not_matter() {
        let values: Vec<f32> = (0..5000).map(|i| ((i * 7919) % 5000) as f32 * 0.01 - 13.0).collect();
        let mut whole = Histogram::default();
        whole.add(&values);
        let mut parts = Histogram::default();
        for part in values.chunks(7) {
            parts.add(part);
        }
        assert_eq!(whole, parts);
        assert_eq!(whole.extremes(), (-13.0, 4999.0 * 0.01 - 13.0));
        assert_eq!(whole.total(), 5000);
        assert_eq!(whole.rebin(&[0.0]).iter().sum::<u64>(), 5000);
    }

    #[test]
    fn percentile_leaves_outliers_out() {
        let mut histogram = Histogram::default();
        let mut values = vec![1000.0, -1000.0];
        values.extend((0..100_000).map(|i| (i % 200) as f32 * 0.1 - 10.0));
        histogram.add(&values);
        let (low, high) = histogram.percentile(0.9999);
        assert!((-10.6..=-9.4).contains(&low), "{low}");
        assert!((9.4..=10.6).contains(&high), "{high}");
        assert_eq!(histogram.percentile(1.0), (-1000.0, 1000.0));
    }
}
