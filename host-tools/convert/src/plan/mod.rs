//! The memory plan: where in the arena every tensor and the scratch of every step lie, and in which order the steps run.
//!
//! Several strategies are tried, with and without writing results over operands, exactly or at a distance, in the given
//! order of steps and in one that keeps fewer bytes alive; the smallest arena of [`Family::Dsp`](dunlin_runtime::Family)
//! wins. What the caller gives is a [`Problem`]: it names tensors by the buffer that they occupy, so that a reshape is no
//! business of the plan.

mod candidate;
mod cost;
mod hill_climb;
mod lifetime;
mod order;
mod placement;
mod problem;
mod result;
mod strategy;
pub mod svg;

pub use problem::{Buffer, Overlap, Problem, Step};
pub use result::{Attempt, Plan, PlannedBuffer};
pub use strategy::Strategy;

use candidate::Candidate;
use lifetime::{Sharing, allocations, lower_bound};

/// What offsets and lengths in the arena are a multiple of, in bytes.
pub const OFFSET_ALIGNMENT: usize = 16;
/// Number of kernel families that memory is stated for; the discriminant of a family is its index.
pub const FAMILIES: usize = 8;

/// Pieces placed and pairs looked at in all random searches together: some ten milliseconds.
const EFFORT: usize = 1_000_000;

/// Plans the arena.
///
/// # Panics
/// If a step names a buffer that is not there.
pub fn plan(problem: &Problem) -> Plan {
    let given: Vec<usize> = (0..problem.steps.len()).collect();
    let mut attempts = Vec::new();
    let mut candidates = Vec::new();
    for (order, reordered) in order::candidates(problem, &given) {
        // Of equal ones the first is taken: writing over an operand costs nothing, an overlap may take time.
        for (in_place, overlapping) in [(true, false), (false, false), (true, true), (false, true)] {
            if overlapping && problem.steps.iter().all(|step| step.overlaps.is_empty()) {
                continue;
            }
            let sharing = Sharing { in_place, overlapping: vec![overlapping; problem.steps.len()] };
            candidates.push(Candidate::new(problem, order.clone(), reordered, sharing, &mut attempts));
        }
    }
    let best = |candidates: &[Candidate]| {
        let Some(best) = candidates.iter().min_by_key(|candidate| candidate.placement.cost) else {
            unreachable!("the given order is always a candidate")
        };
        best.clone()
    };
    let reached = best(&candidates).placement.cost;
    candidates.retain(|candidate| candidate.placement.cost == reached || candidate.bound < reached);
    let effort = EFFORT / candidates.len();
    for candidate in &mut candidates {
        if !candidate.placement.cost.is_within(&candidate.bound) {
            candidate.climb(effort, &mut attempts);
        }
    }
    let mut best = best(&candidates);
    best.separate(problem);
    if !attempts.contains(&best.attempt()) {
        attempts.push(best.attempt());
    }
    let everything = Sharing { in_place: true, overlapping: vec![true; problem.steps.len()] };
    let shortest = lower_bound(problem, &best.order, &allocations(problem, &best.order, &everything));
    Plan::new(problem, &best, shortest.activations, attempts)
}
