//! Orders of steps that keep few bytes alive.

use std::collections::BTreeMap;

use super::{OFFSET_ALIGNMENT, Problem};

/// How many sets of executed steps are followed at once. Below it the search is exhaustive.
const BEAM_WIDTH: usize = 128;

/// The orders to try: the given one, and if there is one with a lower peak of live bytes, the best that was found. The
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
            bytes: problem
                .buffers
                .iter()
                .map(|buffer| buffer.bytes.next_multiple_of(OFFSET_ALIGNMENT))
                .collect(),
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
                if step.overwritable.contains(&input) {
                    reused = self.bytes[step.output];
                }
            }
        }
        next.peak = next.peak.max(next.live - reused);
        if self.readers[step.output] == 0 && !self.problem.buffers[step.output].is_output {
            freed += self.bytes[step.output];
        }
        next.live -= freed;
        next
    }

    /// The order with the lowest peak found, if it is below `limit`.
    fn lowest_peak(&self, limit: usize) -> Option<Vec<usize>> {
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
