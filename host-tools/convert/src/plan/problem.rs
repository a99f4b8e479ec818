//! What is to be planned.

use super::{FAMILIES, OFFSET_ALIGNMENT};

/// A buffer of the arena.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// The distances at which the output of a step may lie over one of its inputs, if nothing needs that input later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The input, as an index into [`Problem::buffers`].
    pub input: usize,
    /// The output may begin this many bytes before the input, or more. As long as the output: apart.
    pub below: usize,
    /// The output may begin this many bytes behind the start of the input, or more. As long as the input: apart.
    pub above: usize,
}

impl Overlap {
    /// The distances between aligned offsets, where output and input have these lengths.
    pub(super) fn aligned(self, output: usize, input: usize) -> Overlap {
        Overlap {
            input: self.input,
            below: self.below.next_multiple_of(OFFSET_ALIGNMENT).min(output),
            above: self.above.next_multiple_of(OFFSET_ALIGNMENT).min(input),
        }
    }

    /// The fewest bytes that output and input occupy together, where they have these lengths.
    pub(super) fn together(self, output: usize, input: usize) -> usize {
        let Overlap { below, above, .. } = self.aligned(output, input);
        output.max(below + input).min(input.max(above + output))
    }
}

/// A step and the buffers that it touches, as indices into [`Problem::buffers`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The name for reports.
    pub name: String,
    /// The buffers that it reads.
    pub inputs: Vec<usize>,
    /// The buffer that it writes. No other step writes it.
    pub output: usize,
    /// Those of `inputs` that the output may lie over exactly, if nothing reads them later.
    pub overwritable: Vec<usize>,
    /// Those of `inputs` that the output may lie over at a distance, one at a time.
    pub overlaps: Vec<Overlap>,
    /// Bytes behind all buffers alive that it needs while it runs, per kernel family (its discriminant).
    pub scratch: [usize; FAMILIES],
    /// Bytes that vector families (from [`Neon`](dunlin_runtime::Family::Neon) on) need beside `scratch` where the output
    /// lies over an input at a distance: they copy that input first.
    pub input_copy: usize,
    /// Bytes behind everything else that it needs for ever, per kernel family.
    pub prepared: [usize; FAMILIES],
}

/// What is to be planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// All buffers.
    pub buffers: Vec<Buffer>,
    /// All steps, each behind those whose outputs it reads.
    pub steps: Vec<Step>,
}

impl Problem {
    /// The length of a buffer, to the next aligned offset.
    pub(super) fn aligned_bytes(&self, buffer: usize) -> usize {
        self.buffers[buffer].bytes.next_multiple_of(OFFSET_ALIGNMENT)
    }

    /// The scratch of a step that shares no memory, in whole multiples of the alignment.
    pub(super) fn aligned_scratch(&self, step: usize, family: usize) -> usize {
        self.steps[step].scratch[family].next_multiple_of(OFFSET_ALIGNMENT)
    }
}
