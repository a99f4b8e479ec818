//! Memory plans of random programs.

use std::collections::BTreeSet;

use dunlin_convert::plan::{ARENA_ALIGNMENT, Buffer, OFFSET_ALIGNMENT, Plan, Problem, Step, plan, svg};

/// xorshift32.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}

/// A program with branches, joins, unused results, several inputs and outputs, and steps that may work in place.
fn random_problem(random: &mut Random) -> Problem {
    let mut problem = Problem::default();
    let sizes = [1, 7, 16, 64, 250, 1000];
    for index in 0..1 + random.below(3) {
        let bytes = sizes[random.below(sizes.len())];
        problem.buffers.push(Buffer {
            name: format!("input {index}"),
            bytes,
            is_input: true,
            is_output: random.below(8) == 0,
        });
    }
    for index in 0..1 + random.below(24) {
        let recent = |random: &mut Random, count: usize| count - 1 - random.below(count.min(6));
        let operands = 1 + random.below(3);
        let inputs: Vec<usize> = (0..operands).map(|_| recent(random, problem.buffers.len())).collect();
        let in_place = random.below(2) == 0;
        let bytes =
            if in_place { problem.buffers[inputs[0]].bytes } else { sizes[random.below(sizes.len())] };
        let same = |input: &usize| in_place && problem.buffers[*input].bytes == bytes;
        let overwritable = inputs.iter().copied().filter(same).collect();
        let is_output = random.below(8) == 0;
        problem.buffers.push(Buffer { name: format!("result {index}"), bytes, is_input: false, is_output });
        let output = problem.buffers.len() - 1;
        problem.steps.push(Step { name: format!("step {index}"), inputs, output, overwritable });
    }
    if let Some(last) = problem.buffers.last_mut() {
        last.is_output = true;
    }
    problem
}

/// Runs the program on an arena of which every byte remembers the buffer that was written to it last.
fn simulate(problem: &Problem, plan: &Plan) {
    let mut arena = vec![usize::MAX; plan.activation_bytes];
    let range = |buffer: usize| {
        let planned = &plan.buffers[buffer];
        assert!(planned.offset.is_multiple_of(OFFSET_ALIGNMENT));
        planned.offset..planned.offset + problem.buffers[buffer].bytes
    };
    let inputs = (0..problem.buffers.len()).filter(|&buffer| problem.buffers[buffer].is_input);
    for buffer in inputs {
        arena[range(buffer)].fill(buffer);
    }
    let mut executed = BTreeSet::new();
    for &step in &plan.order {
        assert!(executed.insert(step), "step {step} runs twice");
        let Step { inputs, output, overwritable, .. } = &problem.steps[step];
        for &input in inputs {
            assert!(arena[range(input)].iter().all(|&holder| holder == input), "step {step} reads {input}");
            let (read, written) = (range(input), range(*output));
            let apart = read.end <= written.start || written.end <= read.start;
            assert!(apart || (overwritable.contains(&input) && read == written), "step {step} in place");
        }
        arena[range(*output)].fill(*output);
    }
    assert_eq!(executed.len(), problem.steps.len());
    for buffer in (0..problem.buffers.len()).filter(|&buffer| problem.buffers[buffer].is_output) {
        assert!(arena[range(buffer)].iter().all(|&holder| holder == buffer), "output {buffer} is lost");
    }
}

/// The classic: buffers from the longest to the shortest, each at the lowest offset where it meets no other, nothing in
/// place, steps as given.
fn greedy_by_size(problem: &Problem) -> usize {
    let end = problem.steps.len() - 1;
    let lifetime = |buffer: usize| {
        let reads = (0..=end).rev().find(|&step| problem.steps[step].inputs.contains(&buffer));
        let written = (0..=end).find(|&step| problem.steps[step].output == buffer).unwrap_or(0);
        let last = if problem.buffers[buffer].is_output { end } else { reads.unwrap_or(written) };
        (written, last)
    };
    let bytes = |buffer: usize| problem.buffers[buffer].bytes.next_multiple_of(OFFSET_ALIGNMENT);
    let mut longest_first: Vec<usize> = (0..problem.buffers.len()).collect();
    longest_first.sort_by_key(|&buffer| std::cmp::Reverse(bytes(buffer)));
    let mut placed: Vec<(usize, usize)> = Vec::new();
    for &buffer in &longest_first {
        let (first, last) = lifetime(buffer);
        let meets = |other: usize| lifetime(other).0 <= last && first <= lifetime(other).1;
        let ends = placed.iter().map(|&(other, offset)| offset + bytes(other)).chain([0]);
        let fits = |offset: &usize| {
            placed
                .iter()
                .filter(|(other, _)| meets(*other))
                .all(|&(other, taken)| offset + bytes(buffer) <= taken || taken + bytes(other) <= *offset)
        };
        let offset = ends.filter(fits).min().unwrap();
        placed.push((buffer, offset));
    }
    let end = placed.iter().map(|&(buffer, offset)| offset + bytes(buffer)).max().unwrap_or(0);
    end.next_multiple_of(ARENA_ALIGNMENT)
}

#[test]
fn plans_of_random_programs_are_sound_and_never_worse_than_greedy_by_size() {
    let mut random = Random(0x2545_F491);
    let (mut better, mut reordered, mut optimal) = (0, 0, 0);
    for _ in 0..400 {
        let problem = random_problem(&mut random);
        let plan = plan(&problem);
        simulate(&problem, &plan);
        let greedy = greedy_by_size(&problem);
        assert!(plan.activation_bytes <= greedy, "{} bytes, greedy by size {greedy}", plan.activation_bytes);
        assert!(plan.lower_bound <= plan.activation_bytes);
        assert!(plan.activation_bytes.is_multiple_of(ARENA_ALIGNMENT));
        let most_alive = plan.live_bytes().into_iter().max().unwrap_or(0);
        assert!(most_alive <= plan.activation_bytes);
        assert!(plan.attempts.contains(&plan.chosen));
        better += usize::from(plan.activation_bytes < greedy);
        reordered += usize::from(plan.chosen.reordered);
        optimal += usize::from(plan.activation_bytes == plan.lower_bound);
    }
    assert!(
        better > 200 && reordered > 20 && optimal > 300,
        "{better} better, {reordered} reordered, {optimal} optimal"
    );
}

#[test]
fn a_program_is_planned_the_same_way_every_time() {
    let mut random = Random(99);
    for _ in 0..20 {
        let problem = random_problem(&mut random);
        let first = plan(&problem);
        assert_eq!(first, plan(&problem));
        assert_eq!(svg::draw(&first, "a"), svg::draw(&plan(&problem), "a"));
    }
}

#[test]
fn a_branch_that_shrinks_runs_before_one_that_stays_long() {
    let buffer = |name: &str, bytes| Buffer { name: name.into(), bytes, is_input: false, is_output: false };
    let step = |name: &str, inputs: &[usize], output| Step {
        name: name.into(),
        inputs: inputs.to_vec(),
        output,
        overwritable: Vec::new(),
    };
    let problem = Problem {
        buffers: vec![
            Buffer { is_input: true, ..buffer("x", 16) },
            buffer("long a", 1000),
            buffer("long b", 1000),
            buffer("short a", 16),
            buffer("short b", 16),
            Buffer { is_output: true, ..buffer("y", 16) },
        ],
        steps: vec![
            step("grow a", &[0], 1),
            step("grow b", &[0], 2),
            step("shrink a", &[1], 3),
            step("shrink b", &[2], 4),
            step("join", &[3, 4], 5),
        ],
    };
    let plan = plan(&problem);
    assert!(plan.chosen.reordered);
    assert_eq!(plan.activation_bytes, 1040, "one long buffer and two short ones, 1032 bytes, in whole 16s");
    simulate(&problem, &plan);
}

#[test]
fn a_picture_names_every_buffer_and_escapes_names() {
    let mut problem = random_problem(&mut Random(7));
    problem.buffers[0].name = "a<b & \"c\"\u{1}".into();
    let picture = svg::draw(&plan(&problem), "R&D");
    assert!(picture.contains("a&lt;b &amp; &quot;c&quot; :") && picture.contains("R&amp;D"));
    for buffer in &problem.buffers[1..] {
        assert!(picture.contains(&format!("<title>{}: ", buffer.name)), "{}", buffer.name);
    }
}
