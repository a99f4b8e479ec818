//! Random changes to a sequence of placement.

use super::cost::Cost;
use super::placement::{Fit, Pieces, Placement};

/// Moves single pieces to other places in the sequence `start`, and keeps what is not worse, until nothing is above
/// `bound` or `effort` (pieces placed, and pairs looked at) is used up.
pub(super) fn hill_climb(pieces: &Pieces, start: &Placement, bound: &Cost, effort: usize) -> Placement {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut sequence = start.upwards();
    let mut best = pieces.place(&sequence, Fit::First);
    let trials = (effort / pieces.effort().max(1)).min(2_000);
    for _ in 0..trials {
        if best.cost.is_within(bound) {
            break;
        }
        let (from, to) = (random.below(sequence.len()), random.below(sequence.len()));
        let moved = sequence.remove(from);
        sequence.insert(to, moved);
        let placement = pieces.place(&sequence, Fit::First);
        if placement.cost <= best.cost {
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
