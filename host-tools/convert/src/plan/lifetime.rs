//! From an order of steps to the time that each piece of memory is needed.

use super::{OFFSET_ALIGNMENT, Problem};

/// A piece of memory: one buffer, or several of equal length of which each is written over the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allocation {
    /// Length, a multiple of [`OFFSET_ALIGNMENT`].
    pub bytes: usize,
    /// Position of the first step that needs it.
    pub first: usize,
    /// Position of the last step that needs it.
    pub last: usize,
    /// The buffers, in the order in which they live.
    pub buffers: Vec<usize>,
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
    let position_where = |reads: bool| {
        let touches = move |&step: &usize| {
            let step = &problem.steps[step];
            if reads { step.inputs.contains(&buffer) } else { step.output == buffer }
        };
        if reads { order.iter().rposition(touches) } else { order.iter().position(touches) }
    };
    let described = &problem.buffers[buffer];
    let first = if described.is_input { 0 } else { position_where(false).unwrap_or(0) };
    let last = if described.is_output { end } else { position_where(true).unwrap_or(first) };
    (first, last.max(first))
}

/// The pieces of memory that an order of steps needs. With `in_place`, an output is written over an operand that the
/// step may overwrite and that nothing needs afterwards.
pub(super) fn allocations(problem: &Problem, order: &[usize], in_place: bool) -> Vec<Allocation> {
    let mut allocations: Vec<Allocation> = Vec::with_capacity(problem.buffers.len());
    let mut holder = vec![usize::MAX; problem.buffers.len()];
    let lifetimes: Vec<(usize, usize)> =
        (0..problem.buffers.len()).map(|buffer| of_buffer(problem, order, buffer)).collect();
    let alone = |buffer: usize| Allocation {
        bytes: problem.buffers[buffer].bytes.next_multiple_of(OFFSET_ALIGNMENT),
        first: lifetimes[buffer].0,
        last: lifetimes[buffer].1,
        buffers: vec![buffer],
    };
    for buffer in (0..problem.buffers.len()).filter(|&buffer| problem.buffers[buffer].is_input) {
        holder[buffer] = allocations.len();
        allocations.push(alone(buffer));
    }
    for (position, &step) in order.iter().enumerate() {
        let step = &problem.steps[step];
        let dies = |&&input: &&usize| {
            lifetimes[input].1 == position
                && !problem.buffers[input].is_output
                && problem.buffers[input].bytes == problem.buffers[step.output].bytes
        };
        match step.overwritable.iter().find(dies) {
            Some(&input) if in_place => {
                let allocation = &mut allocations[holder[input]];
                allocation.last = lifetimes[step.output].1;
                allocation.buffers.push(step.output);
                holder[step.output] = holder[input];
            }
            _ => {
                holder[step.output] = allocations.len();
                allocations.push(alone(step.output));
            }
        }
    }
    allocations
}

/// The most bytes that are needed in one step.
pub(super) fn most_alive(allocations: &[Allocation]) -> usize {
    let alive = |position: usize| -> usize {
        allocations
            .iter()
            .filter(|allocation| (allocation.first..=allocation.last).contains(&position))
            .map(|allocation| allocation.bytes)
            .sum()
    };
    // The sum can only grow where something begins to live.
    allocations.iter().map(|allocation| alive(allocation.first)).max().unwrap_or(0)
}
