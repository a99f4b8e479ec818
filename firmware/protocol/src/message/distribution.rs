//! Counts of values in the bins of a blob's reference.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::list::List;

/// Most bins of a distribution: 16 edges make 17.
pub const MAX_BINS: usize = 17;

/// Most distributions in a report; models with more features count some in each window.
pub const MAX_DISTRIBUTIONS: usize = 16;

/// Counts of several features, or outputs, that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, MaxSize)]
pub struct Distributions {
    /// Index of the first of them.
    pub first: u16,
    /// For each, the counts of its bins.
    pub counts: List<List<u32, MAX_BINS>, MAX_DISTRIBUTIONS>,
}

impl Distributions {
    /// The first feature that a window counts, of a model with `features`: windows take turns, so that all are counted in time.
    pub const fn first_of_window(window: u32, features: u16) -> u16 {
        let turns = features.div_ceil(MAX_DISTRIBUTIONS as u16);
        if turns == 0 {
            return 0;
        }
        (window % turns as u32) as u16 * MAX_DISTRIBUTIONS as u16
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn windows_take_turns_over_all_features() {
        for features in [0, 1, 15, 16, 17, 640, u16::MAX] {
            let turns = u32::from(features).div_ceil(16);
            let firsts: BTreeSet<u16> =
                (7..7 + turns).map(|window| Distributions::first_of_window(window, features)).collect();
            assert!(firsts.into_iter().eq((0..features).step_by(16)), "{features} features");
        }
    }
}
