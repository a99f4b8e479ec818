//! One sampled prediction.

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

use crate::bytes::ModelId;
use crate::codec::{Body, Message};
use crate::identity::Boot;
use crate::kind::Kind;
use crate::list::List;

/// Most outputs that a prediction carries.
pub const MAX_OUTPUTS: usize = 16;

/// What a model said about one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
pub struct Prediction {
    /// This boot.
    pub boot: Boot,
    /// Which inference of this boot, from 1.
    pub number: u64,
    /// When.
    pub uptime: u64,
    /// The wall clock then.
    pub clock: Option<u64>,
    /// The model.
    pub model: ModelId,
    /// Index of the largest output, for classifiers.
    pub class: Option<u16>,
    /// The largest output.
    pub confidence: f32,
    /// The first outputs, as real values.
    pub outputs: List<f32, MAX_OUTPUTS>,
}

impl Body<'_> for Prediction {
    const KIND: Kind = Kind::Prediction;
}

impl Message<'_> for Prediction {}
