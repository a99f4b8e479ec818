//! Orders of steps that keep few bytes alive.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use dunlin_runtime::Family;

use super::Problem;

/// How many sets of executed steps are followed at once. Below it the search is exhaustive.
const BEAM_WIDTH: usize = 128;

/// The orders to try: the given one, and the best that were found with and without overlaps at a distance, if their peaks of
/// bytes in use are lower. The second value says whether it is not the given one.
pub(super) fn candidates(problem: &Problem, given: &[usize]) -> Vec<(Vec<usize>, bool)> {
    let mut orders = vec![(given.to_vec(), false)];
    let any_overlaps = problem.steps.iter().any(|step| !step.overlaps.is_empty());
    for overlapping in [true, false].into_iter().filter(|overlapping| any_overlaps || !overlapping) {
        let search = Search::new(problem, overlapping);
        let mut state = search.start();
        for &step in given {
            state = state.after(&search, step, search.bytes_after(&state, step));
        }
        let better = search.lowest_peak(state.bytes.peak).map(|order| (order, true));
        orders.extend(better.filter(|better| !orders.contains(better)));
    }
    orders
}

struct Search<'p> {
    problem: &'p Problem,
    /// Whether outputs may lie over inputs at a distance.
    overlapping: bool,
    bytes: Vec<usize>,
    /// The buffers that a step reads, each once.
    inputs: Vec<Vec<usize>>,
    /// The steps whose outputs a step reads.
    needs: Vec<StepSet>,
    /// Number of steps that read a buffer.
    readers: Vec<usize>,
}

/// A set of steps, a bit each.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StepSet(Vec<u64>);

impl StepSet {
    fn new(steps: usize) -> StepSet {
        StepSet(vec![0; steps.div_ceil(64)])
    }

    fn insert(&mut self, step: usize) {
        self.0[step / 64] |= 1 << (step % 64);
    }

    fn contains(&self, step: usize) -> bool {
        self.0[step / 64] >> (step % 64) & 1 == 1
    }

    fn contains_all(&self, other: &StepSet) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own & other == *other)
    }
}

/// The bytes in use, scratch of [`Family::Dsp`] included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bytes {
    /// The most so far.
    peak: usize,
    /// Between the last step and the next.
    live: usize,
}

/// What is left to do, and what it took to get here.
struct State {
    bytes: Bytes,
    order: Vec<usize>,
    executed: StepSet,
    /// Steps that have not read a buffer yet.
    unread: Vec<usize>,
}

impl State {
    /// The state after another step.
    fn after(&self, search: &Search<'_>, step: usize, bytes: Bytes) -> State {
        let (mut order, mut executed) = (self.order.clone(), self.executed.clone());
        order.push(step);
        executed.insert(step);
        let mut unread = self.unread.clone();
        for &input in &search.inputs[step] {
            unread[input] -= 1;
        }
        State { bytes, order, executed, unread }
    }
}

impl<'p> Search<'p> {
    fn new(problem: &'p Problem, overlapping: bool) -> Self {
        let distinct = |inputs: &[usize]| {
            let mut distinct = inputs.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            distinct
        };
        let inputs: Vec<Vec<usize>> = problem.steps.iter().map(|step| distinct(&step.inputs)).collect();
        let mut readers = vec![0; problem.buffers.len()];
        for &input in inputs.iter().flatten() {
            readers[input] += 1;
        }
        let mut writer = vec![None; problem.buffers.len()];
        for (index, step) in problem.steps.iter().enumerate() {
            writer[step.output] = Some(index);
        }
        let needs = inputs.iter().map(|inputs| {
            let mut needs = StepSet::new(problem.steps.len());
            inputs.iter().filter_map(|&input| writer[input]).for_each(|step| needs.insert(step));
            needs
        });
        Self {
            problem,
            overlapping,
            bytes: (0..problem.buffers.len()).map(|buffer| problem.aligned_bytes(buffer)).collect(),
            needs: needs.collect(),
            inputs,
            readers,
        }
    }

    fn start(&self) -> State {
        let inputs = self.problem.buffers.iter().zip(&self.bytes).filter(|(buffer, _)| buffer.is_input);
        let live = inputs.map(|(_, bytes)| bytes).sum();
        State {
            bytes: Bytes { peak: live, live },
            order: Vec::new(),
            executed: StepSet::new(self.problem.steps.len()),
            unread: self.readers.clone(),
        }
    }

    fn bytes_after(&self, state: &State, index: usize) -> Bytes {
        let output = self.problem.steps[index].output;
        let live = state.bytes.live + self.bytes[output];
        let (mut reused, mut freed) = (0, 0);
        for &input in &self.inputs[index] {
            if state.unread[input] == 1 && !self.problem.buffers[input].is_output {
                freed += self.bytes[input];
                reused = reused.max(self.shared(index, input));
            }
        }
        if self.readers[output] == 0 && !self.problem.buffers[output].is_output {
            freed += self.bytes[output];
        }
        let scratch = self.problem.aligned_scratch(index, Family::Dsp as usize);
        Bytes { peak: state.bytes.peak.max(live - reused + scratch), live: live - freed }
    }

    /// The most bytes of an input that ends here which the output may take over.
    fn shared(&self, step: usize, input: usize) -> usize {
        let step = &self.problem.steps[step];
        let (from, to) = (self.bytes[input], self.bytes[step.output]);
        let overlaps = step.overlaps.iter().filter(|overlap| self.overlapping && overlap.input == input);
        let partly = overlaps.map(|overlap| from + to - overlap.together(to, from));
        partly.max().unwrap_or(0).max(if step.overwritable.contains(&input) { to } else { 0 })
    }

    /// What no order is below: the memory of a step that keeps nothing but its operands.
    fn bound(&self) -> usize {
        let needed = |(index, inputs): (usize, &Vec<usize>)| {
            let operands: usize = inputs.iter().map(|&input| self.bytes[input]).sum();
            let shared = inputs.iter().map(|&input| self.shared(index, input)).max().unwrap_or(0);
            let scratch = self.problem.aligned_scratch(index, Family::Dsp as usize);
            operands + self.bytes[self.problem.steps[index].output] - shared + scratch
        };
        self.inputs.iter().enumerate().map(needed).max().unwrap_or(0)
    }

    /// The order with the lowest peak found, if it is below `limit`.
    fn lowest_peak(&self, limit: usize) -> Option<Vec<usize>> {
        if limit <= self.bound() {
            return None;
        }
        let mut beam = vec![self.start()];
        for _ in 0..self.problem.steps.len() {
            let mut reached: BTreeMap<StepSet, (Bytes, usize, usize)> = BTreeMap::new();
            for (parent, state) in beam.iter().enumerate() {
                let ready = (0..self.problem.steps.len()).filter(|&step| {
                    !state.executed.contains(step) && state.executed.contains_all(&self.needs[step])
                });
                for step in ready {
                    let next = (self.bytes_after(state, step), parent, step);
                    if next.0.peak >= limit {
                        continue;
                    }
                    let mut executed = state.executed.clone();
                    executed.insert(step);
                    match reached.entry(executed) {
                        Entry::Occupied(mut known) if next < *known.get() => *known.get_mut() = next,
                        Entry::Occupied(_) => {}
                        Entry::Vacant(vacant) => {
                            vacant.insert(next);
                        }
                    }
                }
            }
            let mut next: Vec<(Bytes, usize, usize)> = reached.into_values().collect();
            next.sort_unstable();
            next.truncate(BEAM_WIDTH);
            beam =
                next.into_iter().map(|(bytes, parent, step)| beam[parent].after(self, step, bytes)).collect();
            // Of states alike the one that is closest to the given order comes first.
            beam.sort_unstable_by(|a, b| a.order.cmp(&b.order));
        }
        beam.into_iter().next().map(|state| state.order)
    }
}
