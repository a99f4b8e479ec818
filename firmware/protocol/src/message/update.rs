//! How far an update is.

use core::fmt;

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::{Deferral, Rejection, Rollback};
use crate::bytes::Digest;
use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;

/// State of the update that the device deals with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Update {
    /// This boot.
    pub boot: Boot,
    /// Counts the update messages of a boot: the highest is the current one.
    pub revision: u32,
    /// The release; `None` if it could not be read.
    pub subject: Option<Subject>,
    /// How far it is.
    pub state: UpdateState,
}

/// The release that an update installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Subject {
    /// Its sequence.
    pub sequence: u64,
    /// Digest of its blob.
    pub digest: Digest,
}

/// The life of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub enum UpdateState {
    /// The release is accepted, nothing is fetched yet.
    Offered,
    /// Blocks are being fetched.
    Downloading {
        /// Blocks that are there.
        held: u32,
        /// Blocks of the blob.
        total: u32,
        /// Those of `held` that were taken from the other slot.
        reused: u32,
    },
    /// Digest, content signature and structure are being checked.
    Verifying,
    /// The golden vectors run.
    SelfTest,
    /// Both models run, the old one serves.
    Shadow {
        /// Samples that both have seen.
        compared: u32,
        /// Samples on which they agreed.
        agreed: u32,
    },
    /// The new model serves, and the previous one waits.
    Trial {
        /// Inferences so far.
        inferences: u32,
        /// Errors so far.
        errors: u32,
        /// Inferences slower than the latency budget.
        over_budget: u32,
        /// Resets so far.
        resets: u32,
        /// Seconds so far.
        seconds: u32,
    },
    /// The new model has passed its trial.
    Confirmed,
    /// The release was not installed.
    Rejected(Rejection),
    /// The previous model has returned.
    RolledBack(Rollback),
    /// The release waits.
    Deferred(Deferral),
}

impl UpdateState {
    /// Whether nothing more will happen to this update: such states are events as well.
    pub const fn is_final(&self) -> bool {
        matches!(self, UpdateState::Confirmed | UpdateState::Rejected(_) | UpdateState::RolledBack(_))
    }
}

impl fmt::Display for UpdateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpdateState::Offered => write!(f, "offered"),
            UpdateState::Downloading { held, total, reused } => {
                write!(f, "downloading: {held} of {total} blocks, {reused} of them reused")
            }
            UpdateState::Verifying => write!(f, "verifying"),
            UpdateState::SelfTest => write!(f, "self-test"),
            UpdateState::Shadow { compared, agreed } => {
                write!(f, "shadow: agrees on {agreed} of {compared} samples")
            }
            UpdateState::Trial { inferences, errors, over_budget, resets, seconds } => write!(
                f,
                "trial: {seconds} s, {inferences} inferences, {errors} errors, {over_budget} over budget, {resets} resets"
            ),
            UpdateState::Confirmed => write!(f, "confirmed"),
            UpdateState::Rejected(reason) => write!(f, "rejected: {reason}"),
            UpdateState::RolledBack(reason) => write!(f, "rolled back: {reason}"),
            UpdateState::Deferred(reason) => write!(f, "deferred: {reason}"),
        }
    }
}

impl Body<'_> for Update {
    const KIND: Kind = Kind::Update;
}

impl Message<'_> for Update {}
