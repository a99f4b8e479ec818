//! In which sequence pieces of memory are placed.

use std::cmp::Reverse;
use std::fmt;

use super::lifetime::Allocation;
use super::placement::{Fit, Pieces, Placement};

/// How buffers were placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The longest buffer first, in the lowest gap.
    GreedyBySize,
    /// The buffers of the step in which the most bytes are alive first, in the lowest gap.
    GreedyByBreadth,
    /// In the order of first use, in the lowest gap.
    FirstUse,
    /// What lives longest first, in the shortest gap.
    BestFitByLifetime,
    /// In the order of first use, below or above what is there, where the arena grows least; then all as low as possible.
    LeastGrowth,
    /// Random changes to the best sequence of the others, kept where they are not worse.
    HillClimb,
}

impl fmt::Display for Strategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::GreedyBySize => "greedy by size",
            Self::GreedyByBreadth => "greedy by breadth",
            Self::FirstUse => "first use",
            Self::BestFitByLifetime => "best fit by lifetime",
            Self::LeastGrowth => "least growth",
            Self::HillClimb => "hill climb",
        })
    }
}

/// The results of all strategies but the hill climb.
pub(super) fn placements(pieces: &Pieces) -> Vec<(Strategy, Placement)> {
    let allocations = &pieces.allocations;
    let first_use = sorted(allocations, |allocation| allocation.first);
    let growth = pieces.place(&first_use, Fit::LeastGrowth);
    vec![
        (Strategy::GreedyBySize, pieces.place(&by_size(allocations), Fit::First)),
        (Strategy::GreedyByBreadth, pieces.place(&by_breadth(allocations), Fit::First)),
        (Strategy::FirstUse, pieces.place(&first_use, Fit::First)),
        (Strategy::BestFitByLifetime, pieces.place(&by_lifetime(allocations), Fit::Best)),
        (Strategy::LeastGrowth, pieces.place(&growth.upwards(), Fit::First)),
    ]
}

fn sorted<K: Ord>(allocations: &[Allocation], key: impl Fn(&Allocation) -> K) -> Vec<usize> {
    let mut sequence: Vec<usize> = (0..allocations.len()).collect();
    sequence.sort_by_key(|&index| key(&allocations[index]));
    sequence
}

fn by_size(allocations: &[Allocation]) -> Vec<usize> {
    sorted(allocations, |allocation| (Reverse(allocation.bytes), allocation.first))
}

fn by_lifetime(allocations: &[Allocation]) -> Vec<usize> {
    sorted(allocations, |allocation| (Reverse(allocation.last - allocation.first), Reverse(allocation.bytes)))
}

fn by_breadth(allocations: &[Allocation]) -> Vec<usize> {
    let steps = allocations.iter().map(|allocation| allocation.last + 1).max().unwrap_or(0);
    let mut breadths = vec![0; steps];
    for allocation in allocations {
        for breadth in &mut breadths[allocation.first..=allocation.last] {
            *breadth += allocation.bytes;
        }
    }
    sorted(allocations, |allocation| {
        let widest = breadths[allocation.first..=allocation.last].iter().max().copied();
        (Reverse(widest), Reverse(allocation.bytes), allocation.first)
    })
}
