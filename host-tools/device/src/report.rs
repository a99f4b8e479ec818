//! What a board reports, put together from its records.

use std::fmt;

use dunlin_harness::Record;
use dunlin_runtime::Family;
use dunlin_runtime::format::Operator;

use crate::counter::Counts;
use crate::error::DeviceError;
use crate::sizes::Sizes;

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Instructions that the emulated processor executed.
    Instructions(u64),
    /// Time in nanoseconds, where instructions are not counted. In an emulator it says nothing about a board.
    Nanoseconds(u64),
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cost::Instructions(count) => write!(f, "{count} instructions"),
            Cost::Nanoseconds(time) => write!(f, "{time} ns"),
        }
    }
}

/// The unit of a board's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// `hertz` ticks a second, while an instruction takes `instruction_ns`.
    Instructions {
        hertz: u64,
        instruction_ns: u64,
    },
    Nanoseconds,
}

impl Clock {
    fn cost(self, ticks: u32, overhead: u32) -> Cost {
        match self {
            Clock::Instructions { hertz, instruction_ns } => {
                let ticks = u64::from(ticks.saturating_sub(overhead));
                let per_second = hertz * instruction_ns;
                Cost::Instructions((ticks * 1_000_000_000 + per_second / 2) / per_second)
            }
            // Looking at a clock takes a different time each time.
            Clock::Nanoseconds => Cost::Nanoseconds(ticks.into()),
        }
    }
}

/// The arena, which lay between guard zones and had exactly the planned length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arena {
    /// Bytes that the blob states for the kernel family.
    pub planned: u32,
    /// Bytes from the start of the arena to the last one that a run wrote.
    pub high_water: u32,
    /// Whether nothing was written outside of the arena.
    pub guards_intact: bool,
    /// Whether an arena of one byte less was refused.
    pub shorter_refused: bool,
}

/// Stack that was used, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackUse {
    /// By opening: structure, digest, golden vectors.
    pub open: u32,
    /// By one run.
    pub run: u32,
}

/// What a step of the first sample took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCost {
    /// Index of the step.
    pub step: u16,
    /// Its operator.
    pub operator: Operator,
    /// What it took.
    pub cost: Cost,
}

/// What a step of a sample computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepHash {
    /// Index of the sample.
    pub sample: u32,
    /// Index of the step.
    pub step: u16,
    /// Its operator.
    pub operator: Operator,
    /// FNV-1a (32 bits) of its output.
    pub hash: u32,
}

/// What a board reports of a blob and its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// The kernel family that ran.
    pub family: Family,
    /// Length of the blob in bytes.
    pub blob_bytes: u32,
    /// Golden vectors that passed; 0 if the blob has none.
    pub golden_vectors: u32,
    /// For each sample the bytes of all outputs in the order of the program.
    pub outputs: Vec<Vec<u8>>,
    /// What one run takes.
    pub run: Cost,
    /// What each step of it takes, if the request asked for a profile.
    pub profile: Vec<StepCost>,
    /// What the parts of the exercise executed, if the request asked for a count and an emulator ran them.
    pub counts: Option<Counts>,
    /// What each step computed for each sample, if the request asked for a trace.
    pub trace: Vec<StepHash>,
    /// The arena.
    pub arena: Arena,
    /// The stack, where it can be seen.
    pub stack: Option<StackUse>,
    /// Flash and static RAM of the image, on bare metal.
    pub sizes: Option<Sizes>,
    /// What the board logged.
    pub log: Vec<String>,
}

/// A report that is being put together.
#[derive(Default)]
struct Draft {
    opened: Option<(Family, u32, u32, u32)>,
    run: Option<Cost>,
    profile: Vec<StepCost>,
    trace: Vec<StepHash>,
    arena: Option<Arena>,
    stack: Option<StackUse>,
    finished: bool,
}

impl RunReport {
    /// Reads the records of `board`, and its outputs.
    ///
    /// # Errors
    /// [`DeviceError::Refused`] if the last record says so, [`DeviceError::MalformedReport`] if something is missing.
    pub(crate) fn read(
        board: &'static str,
        clock: Clock,
        mut records: Vec<u8>,
        outputs: &[u8],
    ) -> Result<RunReport, DeviceError> {
        let malformed = |what| DeviceError::MalformedReport { board, what };
        let mut draft = Draft::default();
        let mut rest = records.as_mut_slice();
        while let Some(record) = Record::next(&mut rest) {
            let record = record.map_err(|_| malformed("a record is damaged"))?;
            if let Record::Failed { reason } = record {
                return Err(DeviceError::Refused { board, reason: reason.to_owned() });
            }
            draft.take(&record, clock).ok_or(malformed("it names an unknown operator or kernel family"))?;
        }
        if !draft.finished {
            return Err(malformed("it is incomplete"));
        }
        let (family, blob_bytes, golden_vectors, samples) =
            draft.opened.ok_or(malformed("it does not say what was opened"))?;
        let samples = samples as usize;
        if samples == 0 || outputs.is_empty() || !outputs.len().is_multiple_of(samples) {
            return Err(malformed("the outputs are incomplete"));
        }
        Ok(RunReport {
            family,
            blob_bytes,
            golden_vectors,
            outputs: outputs.chunks_exact(outputs.len() / samples).map(<[u8]>::to_vec).collect(),
            run: draft.run.ok_or(malformed("it does not say what a run took"))?,
            profile: draft.profile,
            counts: None,
            trace: draft.trace,
            arena: draft.arena.ok_or(malformed("it does not tell of the arena"))?,
            stack: draft.stack,
            sizes: None,
            log: Vec::new(),
        })
    }
}

impl Draft {
    /// Takes a record in. `None` if it names something that this version does not know.
    fn take(&mut self, record: &Record<'_>, clock: Clock) -> Option<()> {
        match *record {
            Record::Opened { family, blob_bytes, golden_vectors, samples } => {
                self.opened = Some((Family::from_name(family)?, blob_bytes, golden_vectors, samples));
            }
            Record::Arena { planned, high_water, guards_intact, shorter_refused } => {
                self.arena = Some(Arena { planned, high_water, guards_intact, shorter_refused });
            }
            Record::Run { ticks, overhead } => self.run = Some(clock.cost(ticks, overhead)),
            Record::Profile { step, operator, ticks, overhead } => self.profile.push(StepCost {
                step,
                operator: Operator::from_number(operator)?,
                cost: clock.cost(ticks, overhead),
            }),
            Record::Trace { sample, step, operator, hash } => {
                let operator = Operator::from_number(operator)?;
                self.trace.push(StepHash { sample, step, operator, hash });
            }
            Record::Stack { open, run } => self.stack = Some(StackUse { open, run }),
            Record::Finished => self.finished = true,
            Record::Failed { .. } => {}
        }
        Some(())
    }
}
