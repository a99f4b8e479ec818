//! Orders of steps that keep few bytes alive.

use std::collections::BTreeMap;

use dunlin_runtime::Family;

use super::Problem;

/// How many sets of executed steps are followed at once. Below it the search is exhaustive.
const BEAM_WIDTH: usize = 128;

/// The orders to try: the given one, and if there is one with a lower peak of bytes in use, the best that was found. The
/// second value says whether it is not the given one.
pub(super) fn candidates(problem: &Problem, given: Vec<usize>) -> Vec<(Vec<usize>, bool)> {
    let search = Search::new(problem);
    let mut state = search.start();
    for &step in &given {
        state = search.run(&state, step);
    }
    let better = search.lowest_peak(state.peak);
    [Some((given, false)), better.map(|order| (order, true))].into_iter().flatten().collect()
}

struct Search<'p> {
    problem: &'p Problem,
    bytes: Vec<usize>,
    /// The steps whose outputs a step reads.
    needs: Vec<Vec<usize>>,
    /// Number of steps that read a buffer.
    readers: Vec<usize>,
}

/// What is left to do, and what it took to get here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// The most bytes in use so far, scratch of `Family::Dsp` included.
    peak: usize,
    live: usize,
    order: Vec<usize>,
    executed: Vec<bool>,
    /// Steps that have not read a buffer yet.
    unread: Vec<usize>,
}

impl<'p> Search<'p> {
    fn new(problem: &'p Problem) -> Self {
        let mut readers = vec![0; problem.buffers.len()];
        for step in &problem.steps {
            for input in distinct(&step.inputs) {
                readers[input] += 1;
            }
        }
        let writer = |input: &usize| problem.steps.iter().position(|step| step.output == *input);
        let needs = problem.steps.iter().map(|step| step.inputs.iter().filter_map(writer).collect());
        Self {
            problem,
            bytes: (0..problem.buffers.len()).map(|buffer| problem.aligned_bytes(buffer)).collect(),
            needs: needs.collect(),
            readers,
        }
    }

    fn start(&self) -> State {
        let inputs = self.problem.buffers.iter().zip(&self.bytes).filter(|(buffer, _)| buffer.is_input);
        let live = inputs.map(|(_, bytes)| bytes).sum();
        State {
            peak: live,
            live,
            order: Vec::new(),
            executed: vec![false; self.problem.steps.len()],
            unread: self.readers.clone(),
        }
    }

    fn run(&self, state: &State, index: usize) -> State {
        let step = &self.problem.steps[index];
        let mut next = state.clone();
        next.executed[index] = true;
        next.order.push(index);
        next.live += self.bytes[step.output];
        let mut reused = 0;
        let mut freed = 0;
        for input in distinct(&step.inputs) {
            next.unread[input] -= 1;
            if next.unread[input] == 0 && !self.problem.buffers[input].is_output {
                freed += self.bytes[input];
                reused = reused.max(self.shared(index, input));
            }
        }
        let scratch = self.problem.aligned_scratch(index, Family::Dsp as usize);
        next.peak = next.peak.max(next.live - reused + scratch);
        if self.readers[step.output] == 0 && !self.problem.buffers[step.output].is_output {
            freed += self.bytes[step.output];
        }
        next.live -= freed;
        next
    }

    /// The most bytes of an input that ends here which the output may take over.
    fn shared(&self, step: usize, input: usize) -> usize {
        let step = &self.problem.steps[step];
        let (from, to) = (self.bytes[input], self.bytes[step.output]);
        let overlaps = step.overlaps.iter().filter(|overlap| overlap.input == input);
        let partly = overlaps.map(|overlap| from + to - overlap.together(to, from));
        partly.max().unwrap_or(0).max(if step.overwritable.contains(&input) { to } else { 0 })
    }

    /// What no order is below: the memory of a step that keeps nothing but its operands.
    fn bound(&self) -> usize {
        let needed = |index: usize| {
            let step = &self.problem.steps[index];
            let inputs = distinct(&step.inputs);
            let operands: usize = inputs.iter().map(|&input| self.bytes[input]).sum();
            let shared = inputs.iter().map(|&input| self.shared(index, input)).max().unwrap_or(0);
            let scratch = self.problem.aligned_scratch(index, Family::Dsp as usize);
            operands + self.bytes[step.output] - shared + scratch
        };
        (0..self.problem.steps.len()).map(needed).max().unwrap_or(0)
    }

    /// The order with the lowest peak found, if it is below `limit`.
    fn lowest_peak(&self, limit: usize) -> Option<Vec<usize>> {
        if limit <= self.bound() {
            return None;
        }
        let mut beam = vec![self.start()];
        for _ in 0..self.problem.steps.len() {
            let mut reached: BTreeMap<Vec<bool>, State> = BTreeMap::new();
            for state in &beam {
                for index in 0..self.problem.steps.len() {
                    let ready =
                        !state.executed[index] && self.needs[index].iter().all(|&need| state.executed[need]);
                    if !ready {
                        continue;
                    }
                    let next = self.run(state, index);
                    if next.peak >= limit {
                        continue;
                    }
                    match reached.get_mut(&next.executed) {
                        Some(known) if *known <= next => {}
                        Some(known) => *known = next,
                        None => {
                            reached.insert(next.executed.clone(), next);
                        }
                    }
                }
            }
            beam = reached.into_values().collect();
            beam.sort();
            beam.truncate(BEAM_WIDTH);
        }
        beam.into_iter().next().map(|state| state.order)
    }
}

/// The buffers that a step reads, each once.
fn distinct(inputs: &[usize]) -> Vec<usize> {
    let mut distinct = inputs.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}
