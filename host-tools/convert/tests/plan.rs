//! Memory plans of random programs, and of the structures that real ones are made of.

use std::collections::BTreeSet;
use std::ops::Range;

use dunlin_convert::plan::{Buffer, FAMILIES, OFFSET_ALIGNMENT, Overlap, Plan, Problem, Step, plan, svg};
use dunlin_runtime::Family;

const DSP: usize = Family::Dsp as usize;

/// xorshift32.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// A step that computes rows from rows, some at a time, in either direction.
#[derive(Clone, Copy)]
struct Rows {
    count: [usize; 2],
    bytes: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
    at_once: usize,
}

impl Rows {
    /// A 3 x 3 convolution with padding 1.
    fn window(input: [usize; 2], output_row: usize, stride: usize, at_once: usize) -> Rows {
        let [count, row] = input;
        let (count, bytes) = ([count, count.div_ceil(stride)], [row, output_row]);
        Rows { count, bytes, kernel: 3, stride, padding: 1, at_once }
    }

    /// A pointwise convolution of pixels.
    fn pointwise(pixels: usize, input: usize, output: usize, at_once: usize) -> Rows {
        let (count, bytes) = ([pixels; 2], [input, output]);
        Rows { count, bytes, kernel: 1, stride: 1, padding: 0, at_once }
    }

    fn bands(&self) -> Vec<Range<usize>> {
        let starts = (0..self.count[1]).step_by(self.at_once);
        starts.map(|start| start..(start + self.at_once).min(self.count[1])).collect()
    }

    /// The bytes of the input that these output rows are made of.
    fn seen(&self, rows: &Range<usize>) -> Range<usize> {
        let first = (rows.start * self.stride).saturating_sub(self.padding).min(self.count[0]);
        let end = ((rows.end - 1) * self.stride + self.kernel).saturating_sub(self.padding);
        first * self.bytes[0]..end.clamp(first, self.count[0]) * self.bytes[0]
    }

    /// The least distances: no row is overwritten before the last band that sees it is complete.
    fn overlap(&self, input: usize) -> Overlap {
        let mut overlap = Overlap { input, below: 0, above: 0 };
        for rows in self.bands() {
            let (seen, written) = (self.seen(&rows), rows.start * self.bytes[1]..rows.end * self.bytes[1]);
            overlap.below = overlap.below.max(written.end.saturating_sub(seen.start));
            overlap.above = overlap.above.max(seen.end.saturating_sub(written.start));
        }
        overlap
    }
}

/// A problem, and of each step how it computes where its output may lie over an input at a distance.
#[derive(Default)]
struct Program {
    problem: Problem,
    rows: Vec<Option<Rows>>,
}

impl Program {
    fn buffer(&mut self, bytes: usize) -> usize {
        let name = format!("buffer {}", self.problem.buffers.len());
        self.problem.buffers.push(Buffer { name, bytes, ..Buffer::default() });
        self.problem.buffers.len() - 1
    }

    fn step(&mut self, inputs: &[usize], output: usize) -> &mut Step {
        self.rows.push(None);
        let name = format!("step {}", self.problem.steps.len());
        self.problem.steps.push(Step { name, inputs: inputs.to_vec(), output, ..Step::default() });
        self.problem.steps.last_mut().unwrap()
    }

    /// Adds a step that computes rows, and its output.
    fn rows(&mut self, input: usize, rows: Rows) -> usize {
        let output = self.buffer(rows.count[1] * rows.bytes[1]);
        let step = self.step(&[input], output);
        step.overlaps.push(rows.overlap(input));
        step.input_copy = rows.count[0] * rows.bytes[0];
        *self.rows.last_mut().unwrap() = Some(rows);
        output
    }

    fn scratch(&mut self, bytes: [usize; FAMILIES]) {
        self.problem.steps.last_mut().unwrap().scratch = bytes;
    }

    /// Marks the first and the last buffer.
    fn finish(mut self) -> Program {
        self.problem.buffers.first_mut().unwrap().is_input = true;
        self.problem.buffers.last_mut().unwrap().is_output = true;
        self
    }
}

/// A program with branches, joins, unused results, several inputs and outputs, and steps that may work in place; if it is
/// not to be plain, with steps that overlap at a distance, and with scratch.
fn random_program(random: &mut Random, plain: bool) -> Program {
    let mut program = Program::default();
    let sizes = [1, 7, 16, 64, 250, 1000];
    for _ in 0..1 + random.below(3) {
        let buffer = program.buffer(random.of(&sizes));
        program.problem.buffers[buffer].is_input = true;
        program.problem.buffers[buffer].is_output = random.below(8) == 0;
    }
    for _ in 0..1 + random.below(24) {
        let buffers = program.problem.buffers.len();
        let recent = |random: &mut Random| buffers - 1 - random.below(buffers.min(6));
        let first = recent(random);
        let bytes = program.problem.buffers[first].bytes;
        if !plain && random.below(2) == 0 {
            let counts: Vec<usize> =
                [1, 2, 4, 5, 8, 10].into_iter().filter(|count| bytes.is_multiple_of(*count)).collect();
            let count = random.of(&counts);
            let row = bytes / count;
            let output_row = random.of(&[row, row, row.div_ceil(2), 2 * row]);
            let (stride, at_once) = (1 + random.below(2), 1 + random.below(2));
            let mut rows = Rows::window([count, row], output_row, stride, at_once);
            (rows.kernel, rows.padding) = random.of(&[(3, 1), (1, 0), (2, 0), (5, 2)]);
            program.rows(first, rows);
            if random.below(3) == 0 {
                // A second operand, apart from the output.
                let step = program.problem.steps.last_mut().unwrap();
                step.inputs.push(recent(random));
                step.overlaps.retain(|overlap| !step.inputs[1..].contains(&overlap.input));
            }
        } else {
            let inputs: Vec<usize> =
                std::iter::once(first).chain((0..random.below(3)).map(|_| recent(random))).collect();
            let in_place = random.below(2) == 0;
            let output = program.buffer(if in_place { bytes } else { random.of(&sizes) });
            let same = |input: &usize| in_place && program.problem.buffers[*input].bytes == bytes;
            let overwritable: Vec<usize> = inputs.iter().copied().filter(same).collect();
            program.step(&inputs, output).overwritable = overwritable;
        }
        let step = program.problem.steps.last_mut().unwrap();
        if !plain {
            step.scratch = std::array::from_fn(|_| random.of(&[0, 0, 8, 100, 600]));
            step.prepared = std::array::from_fn(|_| random.of(&[0, 0, 24]));
        }
        let output = step.output;
        program.problem.buffers[output].is_output = random.below(8) == 0;
    }
    if let Some(last) = program.problem.buffers.last_mut() {
        last.is_output = true;
    }
    program
}

/// Who has written a byte: a buffer and the byte's place in it.
type Tag = Option<(usize, usize)>;

/// Runs the program on an arena of which every byte remembers what was written to it last, with as much scratch as
/// `family` needs, and returns what the arena has to have: the end of what was touched.
fn simulate(Program { problem, rows }: &Program, plan: &Plan, family: usize) -> usize {
    let mut arena: Vec<Tag> = vec![None; plan.arena_bytes[family]];
    let mut touched = 0;
    let range = |buffer: usize| {
        let planned = &plan.buffers[buffer];
        assert!(planned.offset.is_multiple_of(OFFSET_ALIGNMENT));
        planned.offset..planned.offset + problem.buffers[buffer].bytes
    };
    let mut write = |arena: &mut [Tag], buffer: usize, bytes: Range<usize>| {
        for byte in bytes {
            arena[range(buffer).start + byte] = Some((buffer, byte));
        }
        touched = touched.max(range(buffer).end.next_multiple_of(OFFSET_ALIGNMENT));
    };
    let holds = |arena: &[Tag], buffer: usize, mut bytes: Range<usize>| {
        bytes.all(|byte| arena[range(buffer).start + byte] == Some((buffer, byte)))
    };
    let whole = |buffer: usize| 0..problem.buffers[buffer].bytes;
    for buffer in (0..problem.buffers.len()).filter(|&buffer| problem.buffers[buffer].is_input) {
        write(&mut arena, buffer, whole(buffer));
    }
    let mut executed = BTreeSet::new();
    let mut scratch_end = 0;
    for (position, &index) in plan.order.iter().enumerate() {
        assert!(executed.insert(index), "step {index} runs twice");
        let step = &problem.steps[index];
        let over = plan.buffers[step.output].overlaps;
        let copy = if over.is_some() && family >= Family::Neon as usize { step.input_copy } else { 0 };
        let scratch =
            step.scratch[family].next_multiple_of(OFFSET_ALIGNMENT) + copy.next_multiple_of(OFFSET_ALIGNMENT);
        assert_eq!(plan.scratch_bytes[position][family], scratch);
        let start = plan.scratch_offsets[position];
        assert!(start.is_multiple_of(OFFSET_ALIGNMENT));
        arena[start..start + scratch].fill(None);
        scratch_end = scratch_end.max(start + scratch);
        for &input in &step.inputs {
            assert!(holds(&arena, input, whole(input)), "step {index} reads {input}");
            let (read, written) = (range(input), range(step.output));
            let is_apart = read.end <= written.start || written.end <= read.start;
            let is_in_place = step.overwritable.contains(&input) && read == written;
            let distance = written.start as isize - read.start as isize;
            let is_over = over == Some((input, distance));
            assert!(is_apart || is_in_place || is_over, "step {index} over {input}");
        }
        assert!(range(step.output).end <= start, "the scratch of step {index} lies over its output");
        match (over, &rows[index]) {
            (None, _) => write(&mut arena, step.output, whole(step.output)),
            (Some((input, distance)), Some(rows)) => {
                assert!(step.overlaps.iter().any(|overlap| overlap.input == input));
                let mut bands = rows.bands();
                if distance > 0 {
                    bands.reverse();
                }
                for band in bands {
                    // A band may be written while it is read: what it sees has to be there after it, too.
                    write(&mut arena, step.output, band.start * rows.bytes[1]..band.end * rows.bytes[1]);
                    assert!(holds(&arena, input, rows.seen(&band)), "step {index} has lost rows of {input}");
                }
            }
            (Some(_), None) => panic!("step {index} does not compute rows"),
        }
    }
    assert_eq!(executed.len(), problem.steps.len());
    for buffer in (0..problem.buffers.len()).filter(|&buffer| problem.buffers[buffer].is_output) {
        assert!(holds(&arena, buffer, whole(buffer)), "output {buffer} is lost");
    }
    let prepared = problem.steps.iter().map(|step| step.prepared[family].next_multiple_of(OFFSET_ALIGNMENT));
    touched.max(scratch_end) + prepared.sum::<usize>()
}

/// Checks everything that a plan says of itself.
fn check(program: &Program) -> Plan {
    let plan = plan(&program.problem);
    for family in 0..FAMILIES {
        assert_eq!(plan.arena_bytes[family], simulate(program, &plan, family), "family {family}");
    }
    let most_alive = plan.live_bytes().into_iter().max().unwrap_or(0);
    assert!(plan.lower_bound <= most_alive && most_alive <= plan.activation_bytes);
    assert!(plan.activation_bytes.is_multiple_of(OFFSET_ALIGNMENT));
    assert!(plan.attempts.contains(&plan.chosen));
    assert_eq!(plan.chosen.overlapping, plan.buffers.iter().any(|buffer| buffer.overlaps.is_some()));
    plan
}

/// The classic: buffers from the longest to the shortest, each at the lowest offset where it meets no other, nothing in
/// place, steps as given. Returns the end of the buffers, and the end of buffers and scratch.
fn greedy_by_size(problem: &Problem) -> (usize, usize) {
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
    let ends = |step: Option<usize>| {
        let alive = placed.iter().filter(move |(buffer, _)| {
            step.is_none_or(|step| (lifetime(*buffer).0..=lifetime(*buffer).1).contains(&step))
        });
        alive.map(|&(buffer, offset)| offset + bytes(buffer)).max().unwrap_or(0)
    };
    let scratch = |step: usize| problem.steps[step].scratch[DSP].next_multiple_of(OFFSET_ALIGNMENT);
    let with_scratch = (0..=end).map(|step| ends(Some(step)) + scratch(step)).max().unwrap_or(0);
    (ends(None), with_scratch.max(ends(None)))
}

#[test]
fn plans_of_random_programs_are_sound_and_never_worse_than_greedy_by_size() {
    let mut random = Random(0x2545_F491);
    let (mut better, mut reordered, mut optimal) = (0, 0, 0);
    for _ in 0..400 {
        let program = random_program(&mut random, true);
        let plan = check(&program);
        let (greedy, _) = greedy_by_size(&program.problem);
        assert!(plan.activation_bytes <= greedy, "{} bytes, greedy by size {greedy}", plan.activation_bytes);
        assert_eq!(plan.arena_bytes, [plan.activation_bytes; FAMILIES]);
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
fn plans_with_overlaps_and_scratch_are_sound_and_never_worse_than_greedy_by_size() {
    let mut random = Random(0x1234_5677);
    let (mut better, mut overlapping, mut upwards, mut shorter) = (0, 0, 0, 0);
    for _ in 0..400 {
        let program = random_program(&mut random, false);
        let plan = check(&program);
        let prepared =
            program.problem.steps.iter().map(|step| step.prepared[DSP].next_multiple_of(OFFSET_ALIGNMENT));
        let arena = plan.arena_bytes[DSP] - prepared.sum::<usize>();
        assert_eq!(arena, plan.chosen.arena_bytes);
        let (_, greedy) = greedy_by_size(&program.problem);
        assert!(arena <= greedy, "{arena} bytes, greedy by size {greedy}");
        better += usize::from(arena < greedy);
        overlapping += usize::from(plan.chosen.overlapping);
        upwards += plan.buffers.iter().filter(|buffer| matches!(buffer.overlaps, Some((_, 1..)))).count();
        let mut apart = program.problem.clone();
        apart.steps.iter_mut().for_each(|step| step.overlaps.clear());
        let apart = dunlin_convert::plan::plan(&apart);
        assert!(plan.arena_bytes[DSP] <= apart.arena_bytes[DSP]);
        shorter += usize::from(plan.arena_bytes[DSP] < apart.arena_bytes[DSP]);
    }
    assert!(
        better > 300 && overlapping > 75 && upwards > 50 && shorter > 60,
        "{better} better, {overlapping} overlapping, {upwards} upwards, {shorter} shorter by that"
    );
}

#[test]
fn a_chain_of_depthwise_and_pointwise_convolutions_goes_up_and_down() {
    let mut program = Program::default();
    let mut last = program.buffer(490);
    let stem = program.buffer(8000);
    program.step(&[last], stem);
    last = stem;
    for layer in 0..8 {
        last = if layer % 2 == 0 {
            program.rows(last, Rows::window([25, 320], 320, 1, 2))
        } else {
            program.rows(last, Rows::pointwise(125, 64, 64, 8))
        };
        program.scratch(if layer % 2 == 0 { [0; FAMILIES] } else { [64, 256, 0, 0, 0, 0, 0, 0] });
    }
    let program = program.finish();
    let distances = program.problem.steps.iter().flat_map(|step| &step.overlaps);
    let distances: Vec<usize> = distances.map(|overlap| overlap.below).collect();
    assert_eq!(distances, [960, 512, 960, 512, 960, 512, 960, 512]);
    let plan = check(&program);
    assert_eq!((plan.activation_bytes, plan.lower_bound), (8960, 8960));
    assert_eq!(plan.arena_bytes[DSP], 8960 + 256, "the scratch of a pointwise convolution lies behind both");

    // Where outputs may only go down, or only up.
    let mut program = program;
    for step in &mut program.problem.steps[1..] {
        if step.overlaps[0].below == 960 {
            step.overlaps[0].above = 8000;
        } else {
            step.overlaps[0].below = 8000;
        }
    }
    assert_eq!(check(&program).activation_bytes, 8960);
}

#[test]
fn a_residual_network_keeps_two_images_and_some_rows() {
    let mut program = Program::default();
    let input = program.buffer(3072);
    let mut x = program.buffer(16_384);
    program.step(&[input], x);
    program.scratch([48, 192, 0, 0, 0, 0, 0, 0]);
    for (side, channels) in [(32, 16), (16, 32), (8, 64)] {
        let shortcut = x;
        let (stride, from) = if side == 32 { (1, 16) } else { (2, channels / 2) };
        let row = side * channels;
        let a = program.rows(x, Rows::window([side * stride, side * stride * from], row, stride, 1));
        program.scratch([9 * from, 36 * from, 0, 0, 0, 0, 0, 0]);
        let b = program.rows(a, Rows::window([side, row], row, 1, 1));
        program.scratch([9 * channels, 36 * channels, 0, 0, 0, 0, 0, 0]);
        if stride == 2 {
            let rows = Rows::window([2 * side, 2 * side * from], row, 2, 1);
            x = program.rows(shortcut, Rows { kernel: 1, padding: 0, ..rows });
        }
        let sum = program.buffer(side * row);
        program.step(&[x, b], sum).overwritable = vec![x, b];
        x = sum;
    }
    let program = program.finish();
    let plan = check(&program);
    assert_eq!((plan.activation_bytes, plan.lower_bound), (33_792, 33_792), "two images and 1,024 bytes");
    assert_eq!(plan.arena_bytes[DSP], 33_792 + 576);
    let overlapping = plan.buffers.iter().filter(|buffer| buffer.overlaps.is_some()).count();
    assert_eq!(overlapping, 1, "only the second convolution has to overlap");
}

#[test]
fn a_program_is_planned_the_same_way_every_time() {
    let mut random = Random(99);
    for round in 0..20 {
        let Program { problem, .. } = random_program(&mut random, round < 10);
        let first = plan(&problem);
        assert_eq!(first, plan(&problem));
        assert_eq!(svg::draw(&first, "a"), svg::draw(&plan(&problem), "a"));
    }
}

#[test]
fn a_branch_that_shrinks_runs_before_one_that_stays_long() {
    let mut program = Program::default();
    let [x, long_a, long_b, short_a, short_b, y] =
        [16, 1000, 1000, 16, 16, 16].map(|bytes| program.buffer(bytes));
    program.step(&[x], long_a);
    program.step(&[x], long_b);
    program.step(&[long_a], short_a);
    program.step(&[long_b], short_b);
    program.step(&[short_a, short_b], y);
    let plan = check(&program.finish());
    assert!(plan.chosen.reordered);
    assert_eq!(plan.activation_bytes, 1040, "one long buffer and two short ones, in whole 16s");
}

#[test]
fn a_picture_names_every_buffer_and_escapes_names() {
    let Program { mut problem, .. } = random_program(&mut Random(7), false);
    problem.buffers[0].name = "a<b & \"c\"\u{1}".into();
    let picture = svg::draw(&plan(&problem), "R&D");
    assert!(picture.contains("a&lt;b &amp; &quot;c&quot; :") && picture.contains("R&amp;D"));
    for buffer in &problem.buffers[1..] {
        assert!(picture.contains(&format!("<title>{}: ", buffer.name)), "{}", buffer.name);
    }
}
