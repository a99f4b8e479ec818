//! Places pieces of memory one after the other.

use std::cmp::Reverse;

use super::cost::Cost;
use super::lifetime::Allocation;

/// Which of the possible offsets is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The lowest.
    First,
    /// In the gap with the least room.
    Best,
    /// Where the arena grows least, upwards or downwards.
    LeastGrowth,
}

/// An offset for each allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// Bytes from the start of the arena, per allocation.
    pub offsets: Vec<usize>,
    /// What it takes.
    pub cost: Cost,
}

impl Placement {
    /// The allocations from the lowest to the highest. Of two at one offset the later one is an output that may begin no
    /// higher than its input, and comes first.
    pub fn upwards(&self) -> Vec<usize> {
        let mut sequence: Vec<usize> = (0..self.offsets.len()).collect();
        sequence.sort_by_key(|&index| (self.offsets[index], Reverse(index)));
        sequence
    }
}

/// How an allocation has to lie to another that it meets in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Neighbour {
    index: usize,
    /// It begins this many bytes before the neighbour, or more;
    below: usize,
    /// or this many bytes behind the start of the neighbour, or more.
    above: usize,
}

/// Allocations and how each has to lie to those that it meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pieces {
    pub allocations: Vec<Allocation>,
    neighbours: Vec<Vec<Neighbour>>,
}

impl Pieces {
    pub fn new(allocations: Vec<Allocation>) -> Pieces {
        let neighbours = allocations.iter().enumerate().map(|(index, allocation)| {
            let met = allocations.iter().enumerate();
            let met = met.filter(|(other, neighbour)| *other != index && neighbour.meets(allocation));
            met.map(|(other, neighbour)| {
                let (below, above) = match (allocation.overlap, neighbour.overlap) {
                    (Some((input, overlap)), _) if input == other => {
                        let overlap = overlap.aligned(allocation.bytes, neighbour.bytes);
                        (overlap.below, overlap.above)
                    }
                    (_, Some((input, overlap))) if input == index => {
                        let overlap = overlap.aligned(neighbour.bytes, allocation.bytes);
                        (overlap.above, overlap.below)
                    }
                    _ => (allocation.bytes, neighbour.bytes),
                };
                Neighbour { index: other, below, above }
            })
            .collect()
        });
        Pieces { neighbours: neighbours.collect(), allocations }
    }

    /// The number of pairs that meet, counted from both sides, and of pieces: what placing costs.
    pub fn effort(&self) -> usize {
        self.neighbours.iter().map(|neighbours| neighbours.len() + 1).sum()
    }

    /// Places the allocations in the order of `sequence`, each where those placed before allow it.
    ///
    /// With [`Fit::First`] and the sequence from the lowest to the highest offset of any placement, no allocation comes
    /// to lie higher than there: some sequence leads to an arena that cannot be shortened.
    pub fn place(&self, sequence: &[usize], fit: Fit) -> Placement {
        let mut offsets: Vec<Option<isize>> = vec![None; self.allocations.len()];
        let (mut low, mut high) = (0, 0);
        let mut forbidden: Vec<(isize, isize)> = Vec::new();
        for &index in sequence {
            let Allocation { bytes, scratch, .. } = &self.allocations[index];
            let reach = (bytes + scratch.dsp) as isize;
            forbidden.clear();
            forbidden.extend(self.neighbours[index].iter().filter_map(|neighbour| {
                let offset = offsets[neighbour.index]?;
                Some((offset - neighbour.below as isize, offset + neighbour.above as isize))
            }));
            forbidden.sort_unstable();
            let growth = |offset: isize| (high.max(offset + reach) - low.min(offset)) as usize;
            let offset = match fit {
                Fit::First => gaps(&forbidden, Some(0)).find_map(|(from, _)| from),
                Fit::Best => gaps(&forbidden, Some(0))
                    .min_by_key(|(from, to)| to.zip(*from).map_or(isize::MAX, |(to, from)| to - from))
                    .and_then(|(from, _)| from),
                Fit::LeastGrowth => gaps(&forbidden, None)
                    .flat_map(|(from, to)| [from, to])
                    .flatten()
                    .min_by_key(|&offset| growth(offset)),
            };
            // Where nothing was placed that it meets, any offset will do.
            let offset = offset.unwrap_or(low);
            offsets[index] = Some(offset);
            (low, high) = (low.min(offset), high.max(offset + reach));
        }
        let offset = |offset: &Option<isize>| (offset.unwrap_or(low) - low) as usize;
        let offsets: Vec<usize> = offsets.iter().map(offset).collect();
        let mut cost = Cost::default();
        for (allocation, offset) in self.allocations.iter().zip(&offsets) {
            let end = offset + allocation.bytes;
            cost.activations = cost.activations.max(end);
            cost.dsp = cost.dsp.max(end + allocation.scratch.dsp);
            cost.portable = cost.portable.max(end + allocation.scratch.portable);
        }
        Placement { offsets, cost }
    }
}

/// The offsets from `start` on that lie in none of the open intervals, which ascend by their start: from, to, both
/// included.
fn gaps(
    forbidden: &[(isize, isize)],
    start: Option<isize>,
) -> impl Iterator<Item = (Option<isize>, Option<isize>)> {
    let ends = forbidden.iter().map(|&(from, to)| (Some(from), Some(to))).chain([(None, None)]);
    let mut start = start;
    ends.filter_map(move |(from, to)| {
        let gap = (start, from);
        start = start.max(to);
        (gap.0.is_none() || gap.1.is_none() || gap.0 <= gap.1).then_some(gap)
    })
}
