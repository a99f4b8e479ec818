//! Places pieces of memory one after the other.

use super::lifetime::Allocation;

/// Which of the gaps that are long enough is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The lowest.
    First,
    /// The shortest.
    Best,
}

/// An offset for each allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// Bytes from the start of the arena, per allocation.
    pub offsets: Vec<usize>,
    /// Where the last one ends.
    pub bytes: usize,
}

/// Places the allocations in the order of `sequence`, each in a gap between those that it meets in time.
pub(super) fn place(allocations: &[Allocation], sequence: &[usize], fit: Fit) -> Placement {
    let mut offsets = vec![0usize; allocations.len()];
    // Ascending by offset.
    let mut placed: Vec<usize> = Vec::with_capacity(allocations.len());
    let mut bytes = 0;
    for &index in sequence {
        let allocation = &allocations[index];
        let (mut end, mut chosen): (usize, Option<(usize, usize)>) = (0, None);
        for &other in placed.iter().filter(|&&other| allocations[other].meets(allocation)) {
            let gap = offsets[other].saturating_sub(end);
            let better = match (fit, chosen) {
                (_, None) => true,
                (Fit::First, Some(_)) => false,
                (Fit::Best, Some((shortest, _))) => gap < shortest,
            };
            if gap >= allocation.bytes && better {
                chosen = Some((gap, end));
            }
            end = end.max(offsets[other] + allocations[other].bytes);
        }
        let offset = chosen.map_or(end, |(_, offset)| offset);
        offsets[index] = offset;
        bytes = bytes.max(offset + allocation.bytes);
        let position = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(position, index);
    }
    Placement { offsets, bytes }
}
