//! An order of steps, what may share memory in it, and the best placement found for it so far.

use super::cost::Cost;
use super::hill_climb::hill_climb;
use super::lifetime::{Sharing, allocations, lower_bound};
use super::placement::{Fit, Pieces, Placement};
use super::{Attempt, Problem, Strategy, strategy};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub order: Vec<usize>,
    pub reordered: bool,
    pub sharing: Sharing,
    pub pieces: Pieces,
    pub strategy: Strategy,
    pub placement: Placement,
    /// What no placement of these pieces is below.
    pub bound: Cost,
}

impl Candidate {
    /// Tries all strategies but the hill climb on an order of steps, and notes them in `attempts`.
    pub fn new(
        problem: &Problem,
        order: Vec<usize>,
        reordered: bool,
        sharing: Sharing,
        attempts: &mut Vec<Attempt>,
    ) -> Candidate {
        let allocations = allocations(problem, &order, &sharing);
        let bound = lower_bound(problem, &order, &allocations);
        let pieces = Pieces::new(allocations);
        let start = Placement { offsets: Vec::new(), cost: Cost::WORST };
        let strategy = Strategy::GreedyBySize;
        let mut best = Candidate { order, reordered, sharing, pieces, strategy, placement: start, bound };
        for (strategy, placement) in strategy::placements(&best.pieces) {
            attempts.push(best.attempt_of(strategy, &placement));
            best.keep_better(strategy, placement);
        }
        best
    }

    /// Searches on, and notes the result.
    pub fn climb(&mut self, effort: usize, attempts: &mut Vec<Attempt>) {
        let placement = hill_climb(&self.pieces, &self.placement, &self.bound, effort);
        attempts.push(self.attempt_of(Strategy::HillClimb, &placement));
        self.keep_better(Strategy::HillClimb, placement);
    }

    /// Gives up what overlaps without need, step by step: kernels work in smaller parts there, and vector families copy.
    pub fn separate(&mut self, problem: &Problem) {
        for position in 0..self.order.len() {
            let step = self.order[position];
            if !self.overlaps(problem.steps[step].output) {
                self.sharing.overlapping[step] = false;
                continue;
            }
            let mut sharing = self.sharing.clone();
            sharing.overlapping[step] = false;
            let pieces = Pieces::new(allocations(problem, &self.order, &sharing));
            let same = (self.strategy, pieces.place(&self.placement.upwards(), Fit::First));
            let found = strategy::placements(&pieces).into_iter().chain([same]);
            let found = found.filter(|(_, placement)| placement.cost <= self.placement.cost);
            if let Some((strategy, placement)) = found.min_by_key(|(_, placement)| placement.cost) {
                (self.sharing, self.pieces, self.strategy, self.placement) =
                    (sharing, pieces, strategy, placement);
            }
        }
    }

    /// Whether a buffer begins to live on a part of the memory of another one.
    fn overlaps(&self, buffer: usize) -> bool {
        let (allocations, offsets) = (&self.pieces.allocations, &self.placement.offsets);
        allocations.iter().zip(offsets).any(|(allocation, &offset)| {
            allocation.buffers.first() == Some(&buffer)
                && allocation.overlap.is_some_and(|(other, _)| {
                    offset < offsets[other] + allocations[other].bytes
                        && offsets[other] < offset + allocation.bytes
                })
        })
    }

    /// What is to be said of the best placement.
    pub fn attempt(&self) -> Attempt {
        self.attempt_of(self.strategy, &self.placement)
    }

    fn attempt_of(&self, strategy: Strategy, placement: &Placement) -> Attempt {
        Attempt {
            strategy,
            reordered: self.reordered,
            in_place: self.sharing.in_place,
            overlapping: self.sharing.overlapping.contains(&true),
            bytes: placement.cost.activations,
            arena_bytes: placement.cost.dsp,
        }
    }

    fn keep_better(&mut self, strategy: Strategy, placement: Placement) {
        if placement.cost < self.placement.cost {
            (self.strategy, self.placement) = (strategy, placement);
        }
    }
}
