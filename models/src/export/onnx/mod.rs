//! A writer of ONNX models, as far as the sample models need it.

mod graph;
mod messages;

pub use graph::{Constant, Convolution, Graph, Value};
