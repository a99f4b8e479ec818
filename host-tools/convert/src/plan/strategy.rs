//! In which sequence pieces of memory are placed.

use std::cmp::Reverse;
use std::fmt;

use super::lifetime::{Allocation, most_alive};
use super::placement::{Fit, Placement, place};

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
            Self::HillClimb => "hill climb",
        })
    }
}

/// The results of all strategies; the hill climb is left out where another one has reached the lower bound.
pub(super) fn placements(allocations: &[Allocation]) -> Vec<(Strategy, Placement)> {
    let sequences = [
        (Strategy::GreedyBySize, Fit::First, by_size(allocations)),
        (Strategy::GreedyByBreadth, Fit::First, by_breadth(allocations)),
        (Strategy::FirstUse, Fit::First, sorted(allocations, |allocation| allocation.first)),
        (Strategy::BestFitByLifetime, Fit::Best, by_lifetime(allocations)),
    ];
    let mut results: Vec<(Strategy, Placement)> = Vec::new();
    let mut start: Option<(&[usize], usize)> = None;
    for (strategy, fit, sequence) in &sequences {
        let placement = place(allocations, sequence, *fit);
        // The hill climb places in the lowest gap: it starts where that gives the shortest arena.
        let reached =
            if *fit == Fit::First { placement.bytes } else { place(allocations, sequence, Fit::First).bytes };
        if start.is_none_or(|(_, bytes)| reached < bytes) {
            start = Some((sequence, reached));
        }
        results.push((*strategy, placement));
    }
    let bound = most_alive(allocations);
    if let Some((sequence, _)) = start
        && results.iter().all(|(_, placement)| placement.bytes > bound)
    {
        results.push((Strategy::HillClimb, hill_climb(allocations, sequence.to_vec(), bound)));
    }
    results
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

fn hill_climb(allocations: &[Allocation], mut sequence: Vec<usize>, bound: usize) -> Placement {
    /// Each trial costs about the square of the number of allocations.
    const EFFORT: usize = 4_000_000;
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut best = place(allocations, &sequence, Fit::First);
    let trials = (EFFORT / (allocations.len() * allocations.len()).max(1)).clamp(50, 2_000);
    for _ in 0..trials {
        if best.bytes <= bound {
            break;
        }
        let (from, to) = (random.below(sequence.len()), random.below(sequence.len()));
        let moved = sequence.remove(from);
        sequence.insert(to, moved);
        let placement = place(allocations, &sequence, Fit::First);
        if placement.bytes <= best.bytes {
            best = placement;
        } else {
            let moved = sequence.remove(to);
            sequence.insert(from, moved);
        }
    }
    best
}

/// xorshift64 from a fixed seed: the same plan on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) % limit.max(1) as u64) as usize
    }
}
