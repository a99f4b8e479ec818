//! Why the previous model returned, and why a release waits.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

/// Why the previous model returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[expect(missing_docs, reason = "fields are what the words of Display say")]
pub enum Rollback {
    /// Too many inferences failed.
    Errors { found: u32, limit: u32 },
    /// Too many inferences were slower than the budget; the limit is per mille.
    Latency { over_budget: u32, inferences: u32, limit: u16 },
    /// The device was reset too often.
    Resets { found: u32, limit: u32 },
    /// The trial did not get its inferences in time.
    Deadline { inferences: u32, needed: u32 },
    /// The slot no longer has its digest.
    Damaged,
    /// A golden vector failed after a reset.
    SelfTest { vector: u32 },
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rollback::Errors { found, limit } => write!(f, "{found} inferences failed, {limit} may"),
            Rollback::Latency { over_budget, inferences, limit } => write!(
                f,
                "{over_budget} of {inferences} inferences were over the latency budget, {limit} per mille may be"
            ),
            Rollback::Resets { found, limit } => {
                write!(f, "{found} resets during the trial, {limit} may happen")
            }
            Rollback::Deadline { inferences, needed } => {
                write!(f, "{inferences} inferences until the deadline, {needed} are needed")
            }
            Rollback::Damaged => write!(f, "the slot of the new model was damaged"),
            Rollback::SelfTest { vector } => write!(f, "golden vector {vector} failed after a reset"),
        }
    }
}

/// Why a release waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
#[expect(missing_docs, reason = "fields are what the words of Display say")]
pub enum Deferral {
    /// Another model is on trial.
    TrialRunning { sequence: u64 },
    /// Another update is past its download.
    Busy { sequence: u64 },
}

impl fmt::Display for Deferral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deferral::TrialRunning { sequence } => write!(f, "release {sequence} is on trial"),
            Deferral::Busy { sequence } => write!(f, "release {sequence} is being checked"),
        }
    }
}
