//! Histogram of latencies with four bins to an octave: quantiles are known to a quarter.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::list::List;

/// Bins: below 16 µs, 24 octaves of 4, and from 2²⁸ µs (268 s) on.
pub const LATENCY_BINS: usize = 2 + 24 * 4;

/// Exponent of the first octave.
const FIRST_OCTAVE: u32 = 4;

/// The bin of a latency in µs.
pub const fn latency_bin(microseconds: u32) -> usize {
    let Some(exponent) = microseconds.checked_ilog2() else { return 0 };
    if exponent < FIRST_OCTAVE {
        return 0;
    }
    let quarter = (microseconds >> (exponent - 2)) & 3;
    let bin = (1 + 4 * (exponent - FIRST_OCTAVE) + quarter) as usize;
    if bin < LATENCY_BINS { bin } else { LATENCY_BINS - 1 }
}

/// The lowest latency of a bin, in µs.
pub const fn latency_bin_start(bin: usize) -> u32 {
    if bin == 0 {
        return 0;
    }
    let bin = if bin < LATENCY_BINS { bin as u32 - 1 } else { LATENCY_BINS as u32 - 2 };
    (4 + bin % 4) << (FIRST_OCTAVE - 2 + bin / 4)
}

/// Latencies of a window, as a report carries them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct Latency {
    /// Sum, in µs.
    pub total: u64,
    /// The longest, in µs.
    pub longest: u32,
    /// The bin of the first count.
    pub first: u8,
    /// Counts without the zeros on both sides.
    pub counts: List<u32, LATENCY_BINS>,
}

/// Latencies as they are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyCounter {
    total: u64,
    longest: u32,
    counts: [u32; LATENCY_BINS],
}

impl LatencyCounter {
    /// No latency yet.
    pub const fn new() -> LatencyCounter {
        LatencyCounter { total: 0, longest: 0, counts: [0; LATENCY_BINS] }
    }

    /// Counts a latency in µs.
    pub fn count(&mut self, microseconds: u32) {
        self.total = self.total.saturating_add(microseconds.into());
        self.longest = self.longest.max(microseconds);
        if let Some(count) = self.counts.get_mut(latency_bin(microseconds)) {
            *count = count.saturating_add(1);
        }
    }

    /// What a report says.
    pub fn summary(&self) -> Latency {
        let first = self.counts.iter().position(|&count| count > 0).unwrap_or(0);
        let end = self.counts.iter().rposition(|&count| count > 0).map_or(first, |last| last + 1);
        Latency {
            total: self.total,
            longest: self.longest,
            first: first as u8,
            counts: List::from_first(self.counts.iter().copied().take(end).skip(first)),
        }
    }
}

impl Default for LatencyCounter {
    fn default() -> LatencyCounter {
        LatencyCounter::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_begins_where_the_one_below_ends() {
        for bin in 1..LATENCY_BINS {
            let start = latency_bin_start(bin);
            assert_eq!((latency_bin(start - 1), latency_bin(start)), (bin - 1, bin));
        }
        assert_eq!(latency_bin(u32::MAX), LATENCY_BINS - 1);
        assert_eq!(latency_bin_start(LATENCY_BINS - 1), 1 << 28);
    }

    #[test]
    fn a_summary_leaves_off_zeros_on_both_sides() {
        let mut counter = LatencyCounter::new();
        assert_eq!(counter.summary(), Latency::default());
        for microseconds in [1000, 1001, 1500] {
            counter.count(microseconds);
        }
        let summary = counter.summary();
        assert_eq!((summary.total, summary.longest), (3501, 1500));
        assert_eq!(usize::from(summary.first), latency_bin(1000));
        assert_eq!(summary.counts[..], [2, 0, 1]);
    }
}
