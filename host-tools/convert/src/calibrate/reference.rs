//! From histograms to the distributions that a blob carries for the detection of drift.

use dunlin_runtime::format::Distribution;

use super::Histogram;

/// Bins of a distribution: tenths of the calibration data.
const BINS: usize = 10;
/// Vectors of more features than this get one distribution for all: flash is scarce.
const MOST_FEATURES: usize = 32;

/// Counts the values of a vector feature by feature, those of everything else together.
pub fn add_by_feature(histograms: &mut Vec<Histogram>, shape: &[usize], values: &[f32]) {
    let features = match shape {
        [_, features] if *features <= MOST_FEATURES => *features,
        _ => 1,
    };
    histograms.resize_with(features, Histogram::default);
    if features == 1 {
        histograms[0].add(values);
        return;
    }
    for vector in values.chunks_exact(features) {
        for (histogram, value) in histograms.iter_mut().zip(vector) {
            histogram.add(std::slice::from_ref(value));
        }
    }
}

/// Edges at the tenths of the data, where these differ, and the counts between them.
pub fn distribution(histogram: &Histogram) -> Distribution {
    let mut edges: Vec<f32> = (1..BINS).map(|tenth| histogram.quantile(tenth as f64 / BINS as f64)).collect();
    edges.dedup();
    let count = |count: &u64| u32::try_from(*count).unwrap_or(u32::MAX);
    let counts = histogram.rebin(&edges).iter().map(count).collect();
    Distribution { edges: edges.into_iter().collect(), counts }
}
