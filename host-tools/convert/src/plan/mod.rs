//! The memory plan: where in the arena every tensor lies, and in which order the steps run.
//!
//! Several strategies are tried, with and without writing results over operands, in the given order of steps and in one
//! that keeps fewer bytes alive; the smallest arena wins. What the caller gives is a [`Problem`]: it names tensors by
//! the buffer that they occupy, so that a reshape is no business of the plan.

mod lifetime;
mod order;
mod placement;
mod strategy;
pub mod svg;

pub use strategy::Strategy;

use lifetime::{Allocation, allocations};
use placement::Placement;

/// What offsets in the arena are a multiple of, in bytes.
pub const OFFSET_ALIGNMENT: usize = 4;
/// What the length of the arena is a multiple of, in bytes.
pub const ARENA_ALIGNMENT: usize = 16;

/// A buffer of the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// The name for reports.
    pub name: String,
    /// The length.
    pub bytes: usize,
    /// Whether the caller fills it before the first step.
    pub is_input: bool,
    /// Whether the caller reads it after the last step.
    pub is_output: bool,
}

/// A step and the buffers that it touches, as indices into [`Problem::buffers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name for reports.
    pub name: String,
    /// The buffers that it reads.
    pub inputs: Vec<usize>,
    /// The buffer that it writes. No other step writes it.
    pub output: usize,
    /// Those of `inputs` that the output may lie over, if nothing reads them later.
    pub overwritable: Vec<usize>,
}

/// What is to be planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// All buffers.
    pub buffers: Vec<Buffer>,
    /// All steps, each behind those whose outputs it reads.
    pub steps: Vec<Step>,
}

/// One strategy's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// How the buffers were placed.
    pub strategy: Strategy,
    /// Whether the steps run in another order than the given one.
    pub reordered: bool,
    /// Whether outputs may lie over operands.
    pub in_place: bool,
    /// The arena's length.
    pub bytes: usize,
}

/// A buffer with its place and its lifetime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedBuffer {
    /// The name from the problem.
    pub name: String,
    /// The length in bytes.
    pub bytes: usize,
    /// Whether the caller fills it before the first step.
    pub is_input: bool,
    /// Whether the caller reads it after the last step.
    pub is_output: bool,
    /// Bytes from the start of the arena.
    pub offset: usize,
    /// The position in [`Plan::order`] of the step that writes it; 0 for inputs.
    pub first_step: usize,
    /// The position of the last step that reads it; the last position for outputs.
    pub last_step: usize,
    /// The buffer that this one is written over, in the step where it begins to live.
    pub overwrites: Option<usize>,
}

/// Where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The arena's length without scratch, a multiple of [`ARENA_ALIGNMENT`].
    pub activation_bytes: usize,
    /// The most bytes alive in one step of this order, rounded like the length: no placement is shorter.
    pub lower_bound: usize,
    /// What won.
    pub chosen: Attempt,
    /// Everything that was tried.
    pub attempts: Vec<Attempt>,
    /// The steps in the order in which they run, as indices into [`Problem::steps`].
    pub order: Vec<usize>,
    /// The names of the steps in that order.
    pub step_names: Vec<String>,
    /// The buffers, in the order of the problem.
    pub buffers: Vec<PlannedBuffer>,
}

impl Plan {
    /// The bytes alive during each step, from the first to the last. A buffer written over another counts once.
    pub fn live_bytes(&self) -> Vec<usize> {
        let mut live = vec![0; self.step_names.len().max(1)];
        for (index, buffer) in self.buffers.iter().enumerate() {
            let taken_over = self.buffers.iter().any(|other| other.overwrites == Some(index));
            let last = if taken_over { buffer.last_step } else { buffer.last_step + 1 };
            for bytes in live.iter_mut().take(last).skip(buffer.first_step) {
                *bytes += buffer.bytes.next_multiple_of(OFFSET_ALIGNMENT);
            }
        }
        live
    }

    /// The position of the step in which the most bytes are alive.
    pub fn peak_step(&self) -> usize {
        let live = self.live_bytes();
        (0..live.len()).rev().max_by_key(|&step| live[step]).unwrap_or(0)
    }
}

/// A set of lifetimes and the best placement found for it so far.
struct Candidate {
    attempt: Attempt,
    order: Vec<usize>,
    allocations: Vec<Allocation>,
    placement: Placement,
}

/// Plans the arena.
///
/// # Panics
/// If a step names a buffer that is not there.
pub fn plan(problem: &Problem) -> Plan {
    let given: Vec<usize> = (0..problem.steps.len()).collect();
    let mut attempts = Vec::new();
    let mut best: Option<Candidate> = None;
    for (order, reordered) in order::candidates(problem, given) {
        for in_place in [true, false] {
            let allocations = allocations(problem, &order, in_place);
            for (strategy, placement) in strategy::placements(&allocations) {
                let attempt = Attempt { strategy, reordered, in_place, bytes: arena_bytes(&placement) };
                attempts.push(attempt);
                if best.as_ref().is_none_or(|best| attempt.bytes < best.attempt.bytes) {
                    let (order, allocations) = (order.clone(), allocations.clone());
                    best = Some(Candidate { attempt, order, allocations, placement });
                }
            }
        }
    }
    let Some(best) = best else { unreachable!("the given order is always a candidate") };
    finish(problem, best, attempts)
}

fn arena_bytes(placement: &Placement) -> usize {
    placement.bytes.next_multiple_of(ARENA_ALIGNMENT)
}

fn finish(problem: &Problem, best: Candidate, attempts: Vec<Attempt>) -> Plan {
    let mut buffers: Vec<PlannedBuffer> = Vec::with_capacity(problem.buffers.len());
    for (index, buffer) in problem.buffers.iter().enumerate() {
        let (first_step, last_step) = lifetime::of_buffer(problem, &best.order, index);
        buffers.push(PlannedBuffer {
            name: buffer.name.clone(),
            bytes: buffer.bytes,
            is_input: buffer.is_input,
            is_output: buffer.is_output,
            offset: 0,
            first_step,
            last_step,
            overwrites: None,
        });
    }
    for (allocation, &offset) in best.allocations.iter().zip(&best.placement.offsets) {
        for (position, &buffer) in allocation.buffers.iter().enumerate() {
            buffers[buffer].offset = offset;
            buffers[buffer].overwrites = position.checked_sub(1).map(|before| allocation.buffers[before]);
        }
    }
    Plan {
        activation_bytes: best.attempt.bytes,
        lower_bound: lifetime::most_alive(&best.allocations).next_multiple_of(ARENA_ALIGNMENT),
        chosen: best.attempt,
        attempts,
        step_names: best.order.iter().map(|&step| problem.steps[step].name.clone()).collect(),
        order: best.order,
        buffers,
    }
}
