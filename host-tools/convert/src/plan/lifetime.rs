//! From an order of steps to the time that each piece of memory is needed.

use dunlin_runtime::Family;

use super::cost::Cost;
use super::{Overlap, Problem};

/// Which memory is used twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sharing {
    /// Whether results are written over operands that nothing needs afterwards.
    pub in_place: bool,
    /// For each step of the problem, whether its output may lie over an input at a distance.
    pub overlapping: Vec<bool>,
}

/// A piece of memory: one buffer, or several of equal length of which each is written over the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allocation {
    /// Length, a multiple of the alignment.
    pub bytes: usize,
    /// Position of the first step that needs it.
    pub first: usize,
    /// Position of the last step that needs it.
    pub last: usize,
    /// The buffers, in the order in which they live.
    pub buffers: Vec<usize>,
    /// The allocation that it may lie over, which lives last in the step where this one begins to live, and the distances.
    pub overlap: Option<(usize, Overlap)>,
    /// The most scratch behind it at any time.
    pub scratch: Cost,
}

impl Allocation {
    /// Whether both are needed in some step.
    pub fn meets(&self, other: &Allocation) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The positions of the first and the last step that need a buffer.
pub(super) fn of_buffer(problem: &Problem, order: &[usize], buffer: usize) -> (usize, usize) {
    let end = order.len().saturating_sub(1);
    let described = &problem.buffers[buffer];
    let written = order.iter().position(|&step| problem.steps[step].output == buffer);
    let read = order.iter().rposition(|&step| problem.steps[step].inputs.contains(&buffer));
    let first = if described.is_input { 0 } else { written.unwrap_or(0) };
    let last = if described.is_output { end } else { read.unwrap_or(first) };
    (first, last.max(first))
}

/// The pieces of memory that an order of steps needs. An output is written over an operand, or may lie over an input at
/// a distance, where `sharing` and the step allow it and nothing needs the operand afterwards.
pub(super) fn allocations(problem: &Problem, order: &[usize], sharing: &Sharing) -> Vec<Allocation> {
    let mut allocations: Vec<Allocation> = Vec::with_capacity(problem.buffers.len());
    let mut holder = vec![usize::MAX; problem.buffers.len()];
    let lifetimes: Vec<(usize, usize)> =
        (0..problem.buffers.len()).map(|buffer| of_buffer(problem, order, buffer)).collect();
    let alone = |buffer: usize, overlap: Option<(usize, Overlap)>| Allocation {
        bytes: problem.aligned_bytes(buffer),
        first: lifetimes[buffer].0,
        last: lifetimes[buffer].1,
        buffers: vec![buffer],
        overlap,
        scratch: Cost::default(),
    };
    for buffer in (0..problem.buffers.len()).filter(|&buffer| problem.buffers[buffer].is_input) {
        holder[buffer] = allocations.len();
        allocations.push(alone(buffer, None));
    }
    for (position, &index) in order.iter().enumerate() {
        let step = &problem.steps[index];
        let output = problem.aligned_bytes(step.output);
        let dies = |input: usize| lifetimes[input].1 == position && !problem.buffers[input].is_output;
        let overwritten =
            step.overwritable.iter().copied().filter(|_| sharing.in_place).find(|&input| {
                dies(input) && problem.buffers[input].bytes == problem.buffers[step.output].bytes
            });
        if let Some(input) = overwritten {
            let allocation = &mut allocations[holder[input]];
            allocation.last = lifetimes[step.output].1;
            allocation.buffers.push(step.output);
            holder[step.output] = holder[input];
            continue;
        }
        // Output and input meet in this step only: the one begins to live where the other ends.
        let possible =
            step.overlaps.iter().filter(|overlap| sharing.overlapping[index] && dies(overlap.input));
        let overlap = possible.min_by_key(|overlap| {
            let input = problem.aligned_bytes(overlap.input);
            overlap.together(output, input).saturating_sub(input)
        });
        holder[step.output] = allocations.len();
        allocations.push(alone(step.output, overlap.map(|overlap| (holder[overlap.input], *overlap))));
    }
    for allocation in &mut allocations {
        for &step in order.get(allocation.first..=allocation.last).unwrap_or_default() {
            allocation.scratch.dsp =
                allocation.scratch.dsp.max(problem.aligned_scratch(step, Family::Dsp as usize));
            allocation.scratch.portable =
                allocation.scratch.portable.max(problem.aligned_scratch(step, Family::Portable as usize));
        }
    }
    allocations
}

/// What no placement of these pieces is below. In a step all pieces alive and the scratch behind them occupy bytes of their
/// own, but for an output and the input that it may lie over, which together occupy the longer of the lower one and the
/// distance plus the upper one: least at the least distance, below or above.
pub(super) fn lower_bound(problem: &Problem, order: &[usize], allocations: &[Allocation]) -> Cost {
    let mut alive = vec![0; order.len().max(1)];
    for allocation in allocations {
        for bytes in &mut alive[allocation.first..=allocation.last] {
            *bytes += allocation.bytes;
        }
        if let Some((other, overlap)) = allocation.overlap {
            let (output, input) = (allocation.bytes, allocations[other].bytes);
            alive[allocation.first] -= output + input - overlap.together(output, input);
        }
    }
    let mut bound = Cost { activations: alive.iter().copied().max().unwrap_or(0), ..Cost::default() };
    for (&bytes, &step) in alive.iter().zip(order) {
        bound.dsp = bound.dsp.max(bytes + problem.aligned_scratch(step, Family::Dsp as usize));
        bound.portable = bound.portable.max(bytes + problem.aligned_scratch(step, Family::Portable as usize));
    }
    bound
}
