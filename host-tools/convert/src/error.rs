//! Why a model could not be imported, or a graph is not well formed.

use std::path::PathBuf;

use thiserror::Error;

/// One node of a model file that Dunlin cannot convert, and what its owner can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{operator} (node `{node}`): {reason}; {advice}")]
pub struct UnsupportedNode {
    /// The node's name in the model file, or the name of its first output if it has none.
    pub node: String,
    /// The operator's name in the model format, for instance `LSTM` or `CONV_2D`.
    pub operator: String,
    /// What exactly is not supported.
    pub reason: String,
    /// What to do about it, as an imperative sentence.
    pub advice: String,
}

/// Why a model file could not be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The file's name ends neither in `.onnx` nor in `.tflite`.
    #[error("{} is neither an .onnx nor a .tflite file", path.display())]
    UnknownFormat {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file is not a well-formed model of its format.
    #[error("malformed model: {location}: {problem}")]
    Malformed {
        /// The part of the file: a node, a tensor, a table.
        location: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The model is well formed, but uses things that Dunlin does not convert: all of them.
    #[error("{} unsupported {} in the model:{}", .0.len(), if .0.len() == 1 { "node" } else { "nodes" }, list(.0))]
    Unsupported(Vec<UnsupportedNode>),
    /// The importer or a pass made a graph that contradicts itself, which is a defect of Dunlin.
    #[error("internal inconsistency")]
    Graph(#[from] GraphError),
}

fn list(nodes: &[UnsupportedNode]) -> String {
    nodes.iter().map(|node| format!("\n  {node}")).collect()
}

/// How a [`Graph`](crate::Graph) contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("graph is inconsistent at `{location}`: {problem}")]
pub struct GraphError {
    /// The name of the node or tensor.
    pub location: String,
    /// What does not fit.
    pub problem: String,
}
