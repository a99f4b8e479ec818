//! What a device reports, one record after the other.

use serde::{Deserialize, Serialize};

/// Longest record in bytes, with its frame.
pub(crate) const LONGEST: usize = 256;

/// A part of a report. Records are encoded with postcard, each in a COBS frame behind a zero byte's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// The blob was opened, its digest is right and its golden vectors gave the expected outputs.
    Opened {
        /// Name of the kernel family that runs.
        family: &'a str,
        /// Length of the blob in bytes.
        blob_bytes: u32,
        /// Number of golden vectors that passed; 0 if the blob has none.
        golden_vectors: u32,
        /// Number of samples in the file of inputs.
        samples: u32,
    },
    /// The arena, which lies between guard zones and has exactly the planned length.
    Arena {
        /// Bytes that the blob states for the kernel family.
        planned: u32,
        /// Bytes from the start of the arena to the last one that a run wrote.
        high_water: u32,
        /// Whether the guard zones still hold their pattern.
        guards_intact: bool,
        /// Whether an arena of one byte less was refused.
        shorter_refused: bool,
    },
    /// Ticks of one run without an observer, and of the same measurement without a run in between.
    Run {
        /// Ticks of the run.
        ticks: u32,
        /// Ticks of the measurement itself.
        overhead: u32,
    },
    /// A step of the first sample, when a profile was asked for.
    Profile {
        /// Index of the step.
        step: u16,
        /// Number of its operator.
        operator: u8,
        /// Ticks of the step.
        ticks: u32,
        /// Ticks of the measurement itself.
        overhead: u32,
    },
    /// A step of a sample, when a trace was asked for.
    Trace {
        /// Index of the sample.
        sample: u32,
        /// Index of the step.
        step: u16,
        /// Number of its operator.
        operator: u8,
        /// FNV-1a (32 bits) of the output of the step.
        hash: u32,
    },
    /// Stack that was used below the routine, in bytes.
    Stack {
        /// By opening: structure, digest, golden vectors.
        open: u32,
        /// By one run.
        run: u32,
    },
    /// All samples have run.
    Finished,
    /// The model was refused or a run failed.
    Failed {
        /// Why, in words.
        reason: &'a str,
    },
}

/// The report ends inside of a record, or holds something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedRecord;

impl<'a> Record<'a> {
    /// Encodes the record with its frame into `buffer`. `None` if the buffer is too short.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        postcard::to_slice_cobs(self, buffer).ok().map(|frame| &*frame)
    }

    /// Takes the next record off the front of a report, which is decoded in place. `None` at its end.
    ///
    /// # Errors
    /// [`MalformedRecord`]: what follows is not a record.
    pub fn next(report: &mut &'a mut [u8]) -> Option<Result<Record<'a>, MalformedRecord>> {
        if report.is_empty() {
            return None;
        }
        let bytes = core::mem::take(report);
        match postcard::take_from_bytes_cobs(bytes) {
            Ok((record, rest)) => {
                *report = rest;
                Some(Ok(record))
            }
            Err(_) => Some(Err(MalformedRecord)),
        }
    }
}
