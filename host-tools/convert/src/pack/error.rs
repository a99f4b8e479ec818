//! Why a graph could not be packed.

use thiserror::Error;

use crate::error::GraphError;

/// Why a graph could not be packed into a blob.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PackError {
    /// The graph contradicts itself, which is a defect of Dunlin.
    #[error("internal inconsistency")]
    Graph(#[from] GraphError),
    /// A node that the runtime cannot execute as it stands.
    #[error("{operator} (node `{node}`): {problem}; {advice}")]
    Node {
        /// The node's name.
        node: String,
        /// The operator's name.
        operator: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it, as an imperative sentence.
        advice: String,
    },
    /// A model input or output that a blob cannot have.
    #[error("model {role} `{tensor}`: {problem}; {advice}")]
    Interface {
        /// `input` or `output`.
        role: &'static str,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it, as an imperative sentence.
        advice: String,
    },
    /// The model has more of something than the format can count.
    #[error("the model has {count} {what}, a blob holds at most {limit}: split the model")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there is.
        count: usize,
        /// How much a blob can hold.
        limit: usize,
    },
    /// A stored golden vector does not fit the model's inputs.
    #[error("golden vector {vector}: {problem}; pass one array for each model input, in the model's order")]
    GoldenVector {
        /// The vector's position.
        vector: usize,
        /// What does not fit.
        problem: String,
    },
    /// The runtime refuses the finished blob, which is a defect of Dunlin.
    #[error("the finished blob does not run")]
    Refused(#[from] dunlin_runtime::Error),
}

/// What is wrong with a node, before its name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub problem: String,
    pub advice: String,
}

impl Refusal {
    pub fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { problem: problem.into(), advice: advice.into() }
    }

    /// Of what an importer or a pass should have taken care.
    pub fn defect(problem: impl Into<String>) -> Self {
        Self::new(problem, "report this as a defect of Dunlin, with the model")
    }

    /// Of scales so far apart that a multiplier cannot express it.
    pub fn scales(problem: impl Into<String>) -> Self {
        Self::new(problem, "calibrate with data that the model meets in practice")
    }
}
