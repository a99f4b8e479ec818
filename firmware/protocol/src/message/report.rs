//! Telemetry of one window.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use super::{Distributions, Latency, RESET_CAUSES};
use crate::bytes::ModelId;
use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;
use crate::list::List;

/// Bins of the confidence histogram, of equal width over 0 to 1.
pub const CONFIDENCE_BINS: usize = 16;

/// What one model did in one window. All counts can be added over windows and devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, MaxSize)]
pub struct Report {
    /// The boot in which the window was.
    pub boot: Boot,
    /// Counts reports and events since provisioning, from 1.
    pub sequence: u64,
    /// Begin of the window.
    pub start: u64,
    /// End of the window.
    pub end: u64,
    /// The wall clock at its end.
    pub clock: Option<u64>,
    /// The model that served.
    pub model: ModelId,
    /// Inferences that succeeded.
    pub inferences: u32,
    /// Inferences that failed.
    pub errors: u32,
    /// Inferences slower than the latency budget.
    pub over_budget: u32,
    /// Latencies of inferences.
    pub latency: Latency,
    /// Distributions of features.
    pub features: Distributions,
    /// Distributions of outputs.
    pub outputs: Distributions,
    /// Histogram of the largest output, for classifiers.
    pub confidence: List<u32, CONFIDENCE_BINS>,
    /// Elements of inputs that a quantization clamped.
    pub saturated: u64,
    /// Resets since provisioning, by the number of their cause.
    pub resets: [u32; RESET_CAUSES],
    /// Most stack that was used, in bytes.
    pub stack_bytes: u32,
    /// Most arena that was used, in bytes.
    pub arena_bytes: u32,
    /// Reports and events dropped since provisioning.
    pub dropped: u64,
}

impl Body<'_> for Report {
    const KIND: Kind = Kind::Report;
}

impl Message<'_> for Report {}
