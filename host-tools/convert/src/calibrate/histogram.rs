//! A histogram whose memory does not grow with what is counted.

/// Bins on either side of zero.
const BINS: usize = 2048;

/// Counts of values in bins of equal width, symmetric around zero. The range doubles when a value lies outside, so every value
/// is counted and the result does not depend on how the values were dealt into batches.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Power of two that the bins reach to, on either side.
    limit: f32,
    /// Counts from −`limit` to +`limit`.
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
            counts: vec![0; 2 * BINS],
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts finite values; others are passed over.
    pub fn add(&mut self, values: &[f32]) {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) =
            finite().fold((self.low, self.high), |(low, high), value| (low.min(value), high.max(value)));
        self.low = low;
        self.high = high;
        while self.limit < low.abs().max(high.abs()) && self.limit < f32::MAX / 4.0 {
            self.widen();
        }
        let scale = BINS as f32 / self.limit;
        for value in finite() {
            let bin =
                ((value * scale) as i64 + BINS as i64 - i64::from(value < 0.0)).clamp(0, 2 * BINS as i64 - 1);
            self.counts[bin as usize] += 1;
            self.total += 1;
        }
    }

    fn widen(&mut self) {
        let mut wider = vec![0; 2 * BINS];
        for (bin, count) in self.counts.iter().enumerate() {
            wider[BINS / 2 + bin / 2] += count;
        }
        self.counts = wider;
        self.limit *= 2.0;
    }

    /// Number of values counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Lowest and highest value counted; (0, 0) if none was.
    pub fn extremes(&self) -> (f32, f32) {
        if self.total == 0 { (0.0, 0.0) } else { (self.low, self.high) }
    }

    /// The range that leaves at most `1 − share` of the values outside, half of them on each side, within [`Self::extremes`].
    pub fn percentile(&self, share: f64) -> (f32, f32) {
        let (low, high) = self.extremes();
        let outside = (self.total as f64 * (1.0 - share) / 2.0).floor() as u64;
        let width = self.limit / BINS as f32;
        let edge = |bin: usize| (bin as f32 - BINS as f32) * width;
        let first = first_above(self.counts.iter(), outside).map_or(low, edge);
        let last = first_above(self.counts.iter().rev(), outside).map_or(high, |bin| edge(2 * BINS - bin));
        (first.max(low), last.min(high))
    }

    /// A value that this share of the counted values does not exceed, to the width of a bin.
    pub fn quantile(&self, share: f64) -> f32 {
        let below = (self.total as f64 * share) as u64;
        let width = self.limit / BINS as f32;
        let bin = first_above(self.counts.iter(), below).unwrap_or(2 * BINS - 1);
        (bin as f32 + 1.0 - BINS as f32) * width
    }

    /// Counts in the bins between `edges`, the first and last one open.
    ///
    /// Bins of the histogram that an edge divides are counted where their middle lies.
    pub fn rebin(&self, edges: &[f32]) -> Vec<u64> {
        let width = self.limit / BINS as f32;
        let mut counts = vec![0; edges.len() + 1];
        for (bin, count) in self.counts.iter().enumerate() {
            let middle = (bin as f32 + 0.5 - BINS as f32) * width;
            counts[edges.partition_point(|&edge| edge <= middle)] += count;
        }
        counts
    }
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
