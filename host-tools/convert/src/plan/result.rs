//! A finished plan.

use dunlin_runtime::Family;

use super::candidate::Candidate;
use super::{FAMILIES, OFFSET_ALIGNMENT, Problem, Strategy, lifetime};

/// One strategy's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// How the buffers were placed.
    pub strategy: Strategy,
    /// Whether the steps run in another order than the given one.
    pub reordered: bool,
    /// Whether outputs may lie over operands exactly.
    pub in_place: bool,
    /// Whether outputs may lie over inputs at a distance.
    pub overlapping: bool,
    /// The length of the activations.
    pub bytes: usize,
    /// The length of the arena of [`Family::Dsp`] without what is prepared.
    pub arena_bytes: usize,
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
    /// The buffer that this one is written over exactly, in the step where it begins to live.
    pub overwrites: Option<usize>,
    /// The buffer that this one partly lies over in the step where it begins to live, and how many bytes behind the start
    /// of that one it begins; negative: before it.
    pub overlaps: Option<(usize, isize)>,
}

impl PlannedBuffer {
    /// The buffer on whose memory it lies, wholly or partly.
    pub fn takes_over(&self) -> Option<usize> {
        self.overwrites.or(self.overlaps.map(|(input, _)| input))
    }
}

/// Where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The arena's length without scratch and what is prepared, a multiple of [`OFFSET_ALIGNMENT`].
    pub activation_bytes: usize,
    /// The length of the whole arena per kernel family: activations and scratch, behind them what is prepared.
    pub arena_bytes: [usize; FAMILIES],
    /// No placement for this order of steps has fewer activation bytes.
    pub lower_bound: usize,
    /// What won.
    pub chosen: Attempt,
    /// Everything that was tried.
    pub attempts: Vec<Attempt>,
    /// The steps in the order in which they run, as indices into [`Problem::steps`].
    pub order: Vec<usize>,
    /// The names of the steps in that order.
    pub step_names: Vec<String>,
    /// Where the scratch of each step in that order begins: behind all buffers alive.
    pub scratch_offsets: Vec<usize>,
    /// The scratch of each step in that order per kernel family, copies of inputs included; multiples of
    /// [`OFFSET_ALIGNMENT`].
    pub scratch_bytes: Vec<[usize; FAMILIES]>,
    /// The buffers, in the order of the problem.
    pub buffers: Vec<PlannedBuffer>,
}

impl Plan {
    /// The bytes in which buffers lie during each step, from the first to the last. Those that an output takes over count
    /// once.
    pub fn live_bytes(&self) -> Vec<usize> {
        let occupied = |position: usize| {
            let alive = self.buffers.iter().filter(|buffer| is_alive(buffer, position));
            let range = |buffer: &PlannedBuffer| {
                (buffer.offset, buffer.offset + buffer.bytes.next_multiple_of(OFFSET_ALIGNMENT))
            };
            let mut ranges: Vec<(usize, usize)> = alive.map(range).collect();
            ranges.sort_unstable();
            let mut end = 0;
            let mut count = |(from, to): (usize, usize)| {
                let new = to.saturating_sub(end.max(from));
                end = end.max(to);
                new
            };
            ranges.into_iter().map(&mut count).sum()
        };
        (0..self.step_names.len().max(1)).map(occupied).collect()
    }

    /// The position of the step that needs the most memory: buffers and the scratch of [`Family::Dsp`].
    pub fn peak_step(&self) -> usize {
        let live = self.live_bytes();
        let needed = |step: usize| live[step] + self.dsp_scratch(step);
        (0..live.len()).rev().max_by_key(|&step| needed(step)).unwrap_or(0)
    }

    /// The scratch of a step for [`Family::Dsp`]; nothing behind the last one.
    pub(super) fn dsp_scratch(&self, position: usize) -> usize {
        self.scratch_bytes.get(position).map_or(0, |bytes| bytes[Family::Dsp as usize])
    }

    /// The plan that a candidate stands for.
    pub(super) fn new(
        problem: &Problem,
        best: &Candidate,
        lower_bound: usize,
        attempts: Vec<Attempt>,
    ) -> Plan {
        let buffers = planned_buffers(problem, best);
        let positions = 0..best.order.len();
        let end = |buffer: &PlannedBuffer| (buffer.offset + buffer.bytes).next_multiple_of(OFFSET_ALIGNMENT);
        let scratch_offsets: Vec<usize> = positions
            .map(|at| buffers.iter().filter(|buffer| is_alive(buffer, at)).map(end).max().unwrap_or(0))
            .collect();
        let scratch_bytes: Vec<[usize; FAMILIES]> = best
            .order
            .iter()
            .map(|&index| {
                let step = &problem.steps[index];
                let copy = if buffers[step.output].overlaps.is_some() { step.input_copy } else { 0 };
                std::array::from_fn(|family| {
                    let copy = if family >= Family::Neon as usize { copy } else { 0 };
                    step.scratch[family].next_multiple_of(OFFSET_ALIGNMENT)
                        + copy.next_multiple_of(OFFSET_ALIGNMENT)
                })
            })
            .collect();
        let activation_bytes = best.placement.cost.activations;
        let arena_bytes = std::array::from_fn(|family| {
            let ends =
                scratch_offsets.iter().zip(&scratch_bytes).map(|(offset, bytes)| offset + bytes[family]);
            let prepared =
                problem.steps.iter().map(|step| step.prepared[family].next_multiple_of(OFFSET_ALIGNMENT));
            ends.fold(activation_bytes, usize::max) + prepared.sum::<usize>()
        });
        Plan {
            activation_bytes,
            arena_bytes,
            lower_bound,
            chosen: best.attempt(),
            attempts,
            step_names: best.order.iter().map(|&step| problem.steps[step].name.clone()).collect(),
            order: best.order.clone(),
            scratch_offsets,
            scratch_bytes,
            buffers,
        }
    }
}

fn is_alive(buffer: &PlannedBuffer, position: usize) -> bool {
    (buffer.first_step..=buffer.last_step).contains(&position)
}

fn planned_buffers(problem: &Problem, best: &Candidate) -> Vec<PlannedBuffer> {
    let planned = |(index, buffer): (usize, &super::Buffer)| {
        let (first_step, last_step) = lifetime::of_buffer(problem, &best.order, index);
        PlannedBuffer {
            name: buffer.name.clone(),
            bytes: buffer.bytes,
            is_input: buffer.is_input,
            is_output: buffer.is_output,
            offset: 0,
            first_step,
            last_step,
            overwrites: None,
            overlaps: None,
        }
    };
    let mut buffers: Vec<PlannedBuffer> = problem.buffers.iter().enumerate().map(planned).collect();
    for (allocation, &offset) in best.pieces.allocations.iter().zip(&best.placement.offsets) {
        for (position, &buffer) in allocation.buffers.iter().enumerate() {
            buffers[buffer].offset = offset;
            buffers[buffer].overwrites = position.checked_sub(1).map(|before| allocation.buffers[before]);
        }
    }
    for allocation in &best.pieces.allocations {
        let (Some((_, overlap)), Some(&output)) = (allocation.overlap, allocation.buffers.first()) else {
            continue;
        };
        let (from, to) = (&buffers[overlap.input], &buffers[output]);
        if to.offset < from.offset + from.bytes && from.offset < to.offset + to.bytes {
            let distance = to.offset as isize - from.offset as isize;
            buffers[output].overlaps = Some((overlap.input, distance));
        }
    }
    buffers
}
